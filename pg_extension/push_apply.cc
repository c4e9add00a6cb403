#include "pg_extension/push_apply.h"

#include <utility>

#include "pg_extension/push_alike.h"
#include "pg_extension/push_isolate.h"

namespace tidemark::pg {
namespace {

// So few are simply tried, and tried again one by one if something is wrong: a savepoint
// for each statement would cost more than it saves.
constexpr std::size_t kFew = 500;

constexpr const char* kKeptBack =
    "It takes the value of another row of this push, which cannot let go of it meanwhile: a CHECK, a foreign key or "
    "the type allows no other value. On the hub, make the constraint DEFERRABLE INITIALLY DEFERRED; or give the rows "
    "values that nobody has, sync, and then the right ones.";

class Applier {
 public:
  Applier(PushBody& body, PushJournal& journal) : body_(body), journal_(journal), writer_(body) {}

  void run() {
    refuse_alike_keys(body_);
    groups_ = groups_of(body_);
    if (groups_.empty()) return;
    if (body_.changes().size() <= kFew && try_all()) return;
    if (try_isolating()) return;
    // A deferred constraint is broken, and only checking after each statement tells by which.
    Isolation isolation(body_, journal_, writer_, groups_, Checks::kAtOnce);
    isolation.run();
    refuse(isolation.failed());
  }

 private:
  // In one subtransaction: first as if no inserted row was there.
  bool try_all() {
    int refusal = 0;
    for (const Rows rows : {Rows::kNew, Rows::kPerhapsThere}) {
      for (Group& group : groups_) group.rows = rows;
      const bool done = succeeds(refusal, [&] {
        for (const Group& group : groups_) writer_.write(group, group.changes, rows, Part::kWhole);
        writer_.check_deferred(groups_);
      });
      if (done) return true;
      if (refusal != ERRCODE_UNIQUE_VIOLATION) break;
    }
    return false;
  }

  // Everything but the bad changes, with deferred constraints checked at the end.
  bool try_isolating() {
    int refusal = 0;
    Isolation isolation(body_, journal_, writer_, groups_, Checks::kLater);
    const bool done = succeeds(refusal, [&] {
      isolation.run();
      writer_.check_deferred(groups_);
    });
    if (done) refuse(isolation.failed());
    return done;
  }

  template <class Body>
  bool succeeds(int& refusal, Body&& body) {
    const std::size_t mark = journal_.mark();
    const auto refused = attempt(std::forward<Body>(body));
    if (!refused) return true;
    refusal = refused->sqlstate;
    journal_.back_to(mark);
    return false;
  }

  void refuse(std::vector<Failed>& list) {
    for (Failed& failed : list) {
      Report& report = failed.report;
      const bool is_kept_back = failed.group->claims.contains(failed.change) && report.hint.empty();
      if (is_kept_back && report.sqlstate == ERRCODE_UNIQUE_VIOLATION) report.hint = kKeptBack;
      body_.refuse(failed.change, std::move(report));
    }
  }

  PushBody& body_;
  PushJournal& journal_;
  PushWriter writer_;
  std::vector<Group> groups_;
};

}  // namespace

void apply_push(PushBody& body, PushJournal& journal) { Applier(body, journal).run(); }

}  // namespace tidemark::pg

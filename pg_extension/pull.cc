// tidemark.pull: a page of the log. Nothing is encoded here: the texts that
// capture left in _change are put together, but for those of a push that the
// asking device has, in the very same form. Writes nothing, so it runs on a standby.
#include <algorithm>
#include <unordered_map>
#include <vector>

#include "common/json_text.h"
#include "pg_extension/change_scan.h"
#include "pg_extension/hub.h"

namespace tidemark::pg {
namespace {

constexpr std::int64_t kCommitsAtOnce = 1000;

struct CommitRow {
  std::int64_t seq = 0;
  std::int64_t tx = 0;
  std::int64_t at = 0;
  std::string opening;    // [seq,at,device,push,[
  bool is_known = false;  // the asking device has its changes
};

// A push that a device has, exactly as the log tells it.
struct Known {
  std::string device;
  std::int64_t push = 0;
};

std::vector<CommitRow> commits_from(Spi& spi, std::int64_t first, const Known& known) {
  spi.run(
      "select seq, tx, at, device, push, exact from tidemark._commit where seq >= $1 order by seq limit "
      "$2",
      {int8_parameter(first), int8_parameter(kCommitsAtOnce)}, Access::kReads);
  std::vector<CommitRow> commits(spi.rows());
  for (std::size_t i = 0; i < commits.size(); ++i) {
    CommitRow& commit = commits[i];
    commit.seq = spi.integer(i, 0);
    commit.tx = spi.integer(i, 1);
    commit.at = spi.integer(i, 2);
    const auto device = spi.text(i, 3);
    commit.opening = '[';
    append_json_integer(commit.opening, commit.seq);
    commit.opening += ',';
    append_json_integer(commit.opening, commit.at);
    if (device) {
      commit.opening += ",\"";
      commit.opening += *device;
      commit.opening += "\",";
      append_json_integer(commit.opening, spi.integer(i, 4));
      commit.is_known = *device == known.device && spi.integer(i, 4) == known.push && spi.boolean(i, 5);
    } else {
      commit.opening += ",null,null";
    }
    commit.opening += ",[";
  }
  return commits;
}

class Page {
 public:
  Page(Spi& spi, std::size_t max_bytes, Known known) : spi_(spi), max_bytes_(max_bytes), known_(std::move(known)) {}

  void fill(Cursor after, std::int64_t head) {
    cursor_ = after;
    ChangeScan scan(GetActiveSnapshot());
    while (cursor_.whole_commits() < head && !is_full()) {
      const auto commits = commits_from(spi_, cursor_.whole_commits() + 1, known_);
      if (commits.empty()) return;
      for (const CommitRow& commit : commits) {
        if (commit.is_known) {
          add_known(commit);
        } else {
          scan.start(commit.tx, cursor_.n);
          add(commit, scan);
        }
        if (is_full()) return;
      }
    }
  }

  std::string answer(const HubState& hub) {
    std::string out = answer_opening(spi_, hub);
    out += R"(,"tables":[)" + headers_ + R"(],"commits":[)" + commits_ + "]";
    out += R"(,"open":)";
    out += cursor_.n > 0 ? "true" : "false";
    out += R"(,"cursor":")" + std::to_string(cursor_.seq);
    if (cursor_.n > 0) {
      out += '.';
      append_json_integer(out, cursor_.n);
    }
    out += R"(","head":)" + std::to_string(hub.head) + R"(,"more":)";
    out += cursor_.whole_commits() < hub.head ? "true}" : "false}";
    return out;
  }

 private:
  bool is_full() const { return is_done_ || commits_.size() >= max_bytes_; }

  // Adds a commit's changes. Only a commit that begins a page is cut at the
  // page's end: a device must keep the parts until it has them all. Any other
  // may make the page twice as large, or begins the next one.
  void add(const CommitRow& commit, ChangeScan& scan) {
    const std::size_t size_before = commits_.size();
    const Cursor cursor_before = cursor_;
    const std::size_t limit = size_before > 0 ? 2 * max_bytes_ : max_bytes_;
    if (!commits_.empty()) commits_ += ',';
    commits_ += commit.opening;
    cursor_ = {commit.seq, 0};
    bool first = true;
    LoggedChange change;
    while (scan.next(change)) {
      if (commits_.size() >= limit && !first) {
        if (size_before > 0) {
          commits_.resize(size_before);
          cursor_ = cursor_before;
          is_done_ = true;
          return;
        }
        cursor_.n = last_;
        break;
      }
      if (!first) commits_ += ',';
      first = false;
      append(change, commit.at);
      last_ = change.n;
    }
    commits_ += "]]";
  }

  void add_known(const CommitRow& commit) {
    if (!commits_.empty()) commits_ += ',';
    commits_ += commit.opening;
    commits_ += "]]";
    cursor_ = {commit.seq, 0};
  }

  void append(const LoggedChange& change, std::int64_t commit_at) {
    commits_ += '[';
    append_json_integer(commits_, table_place(change.version));
    commits_ += ",\"";
    commits_ += change.op;
    commits_ += "\",";
    commits_ += change.key;
    const bool dated = change.at != commit_at;
    if (change.has_values) {
      commits_ += ',';
      commits_ += change.values;
    } else if (dated) {
      commits_ += ",null";
    }
    if (change.has_columns) {
      commits_ += ',';
      commits_ += change.columns;
    } else if (dated) {
      commits_ += ",null";
    }
    if (dated) {
      commits_ += ',';
      append_json_integer(commits_, change.at);
    }
    commits_ += ']';
  }

  std::size_t table_place(std::int32_t version) {
    const auto found = places_.find(version);
    if (found != places_.end()) return found->second;

    spi_.run("select description from tidemark._version where id = $1", {{INT4OID, Int32GetDatum(version)}},
             Access::kReads);
    if (spi_.rows() == 0) throw Error(ErrorCode::kInternal, "version " + std::to_string(version) + " is not described");
    if (!headers_.empty()) headers_ += ',';
    headers_ += spi_.text(0, 0).value_or("");
    return places_.emplace(version, places_.size()).first->second;
  }

  Spi& spi_;
  std::size_t max_bytes_;
  Known known_;
  bool is_done_ = false;
  Cursor cursor_;
  std::int32_t last_ = 0;
  std::string headers_;
  std::string commits_;
  std::unordered_map<std::int32_t, std::size_t> places_;
};

}  // namespace

TIDEMARK_SQL_FUNCTION(tidemark_pull) {
  const std::string token = text_argument(fcinfo, 0);
  const std::string after = text_argument(fcinfo, 1);
  const std::int32_t max_bytes = std::clamp(PG_GETARG_INT32(2), 1, 256 * 1024 * 1024);
  std::string answer;
  {
    Spi spi;
    Known known{authenticate(spi, token, "read"), PG_GETARG_INT64(3)};
    const HubState hub = hub_state(spi);
    Page page(spi, static_cast<std::size_t>(max_bytes), std::move(known));
    page.fill(parse_cursor(after, hub.head), hub.head);
    answer = page.answer(hub);
  }
  return text_datum(answer);
}

}  // namespace tidemark::pg

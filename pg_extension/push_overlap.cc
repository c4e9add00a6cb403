#include "pg_extension/push_overlap.h"

#include <algorithm>
#include <unordered_map>

#include "common/wire.h"
#include "pg_extension/change_scan.h"

namespace tidemark::pg {
namespace {

constexpr std::int64_t kMaxUnread = 200'000;

[[noreturn]] void behind(const std::string& what) {
  throw Error(ErrorCode::kBehind, what, "Pull, reconcile and push again.");
}

// The tables and columns of a logged version, as the push's layouts have them.
struct Version {
  Oid table = InvalidOid;   // InvalidOid: not a table of the push
  std::vector<int> places;  // for each column of the version: its place in the layout, or -1
};

class OverlapCheck {
 public:
  OverlapCheck(Spi& spi, PushBody& body) : spi_(spi), body_(body) {}

  void run(const Cursor& cursor, std::int64_t own_transaction) {
    if (body_.refusals().size() == body_.changes().size()) return;
    // Commits and inbox are read with one snapshot: none is missed between the two.
    spi_.run(
        "select tx from tidemark._commit where seq > $1 "
        "union all select tx from tidemark._inbox where tx <> $2 limit $3",
        {int8_parameter(cursor.whole_commits()), int8_parameter(own_transaction), int8_parameter(kMaxUnread + 1)});
    std::vector<std::int64_t> transactions(spi_.rows());
    for (std::size_t i = 0; i < transactions.size(); ++i) transactions[i] = spi_.integer(i, 0);
    if (transactions.empty()) return;

    const Snapshot snapshot = call([] { return RegisterSnapshot(GetLatestSnapshot()); });
    {
      ChangeScan scan(snapshot);
      for (const std::int64_t transaction : transactions) {
        scan.start(transaction);
        LoggedChange change;
        while (scan.next(change)) check(change);
      }
    }
    call([&] { UnregisterSnapshot(snapshot); });
  }

 private:
  void check(const LoggedChange& unread) {
    if (++looked_at_ > kMaxUnread) behind("this device has more than 200000 changes to read");
    const Version& version = version_of(unread.version);
    if (version.table == InvalidOid) return;
    const auto place = body_.change_of(version.table, unread.key);
    if (!place) return;
    const PushedChange& pushed = body_.changes()[*place];
    if (pushed.refused) return;
    if (unread.op == 'u' && pushed.op == Op::kUpdate && !share_column(unread, version, pushed)) return;
    behind("row " + std::string(unread.key) + " of table \"" + body_.tables()[pushed.table].layout->table.name +
           "\" was changed by somebody else");
  }

  bool share_column(const LoggedChange& unread, const Version& version, const PushedChange& pushed) {
    const ColumnSet& columns = body_.tables()[pushed.table].column_sets[pushed.column_set];
    const auto is_pushed = [&columns](int column) {
      const bool is_named = std::find(columns.places.begin(), columns.places.end(), column) != columns.places.end();
      return is_named && !columns.adds_to(static_cast<std::uint16_t>(column));  // a sum is right in any order
    };
    std::size_t place = 0;
    bool in_number = false;
    for (const char character : unread.columns) {  // [1,3,12]
      if (character >= '0' && character <= '9') {
        place = place * 10 + static_cast<std::size_t>(character - '0');
        in_number = true;
        continue;
      }
      if (in_number && place < version.places.size() && is_pushed(version.places[place])) return true;
      place = 0;
      in_number = false;
    }
    return false;
  }

  const Version& version_of(std::int32_t id) {
    const auto found = versions_.find(id);
    if (found != versions_.end()) return found->second;

    spi_.run(
        "select v.description, t.relid::oid from tidemark._version v join tidemark._table t on "
        "t.id = v.table_id "
        "where v.id = $1",
        {{INT4OID, Int32GetDatum(id)}});
    Version version;
    if (spi_.rows() == 1) {
      const Oid relation = spi_.oid(0, 1);
      for (const PushedTable& table : body_.tables()) {
        if (!table.layout || table.layout->relation != relation) continue;
        version.table = relation;
        version.places = places_of(spi_.text(0, 0).value_or(""), *table.layout);
        break;
      }
    }
    return versions_.emplace(id, std::move(version)).first->second;
  }

  static std::vector<int> places_of(const std::string& description, const Layout& layout) {
    simdjson::dom::parser parser;
    const std::string list = "[" + description + "]";
    const auto tables = WireReader::tables(parse_body(parser, list));
    std::vector<int> places;
    for (const WireColumn& column : tables[0].columns) places.push_back(layout.column_named(column.name));
    return places;
  }

  Spi& spi_;
  PushBody& body_;
  std::int64_t looked_at_ = 0;
  std::unordered_map<std::int32_t, Version> versions_;
};

}  // namespace

void check_overlap(Spi& spi, PushBody& body, const Cursor& cursor, std::int64_t own_transaction) {
  OverlapCheck(spi, body).run(cursor, own_transaction);
}

}  // namespace tidemark::pg

// Micro-benchmarks of the shared core: a page of 10,000 products parsed and
// written, and logs folded.
#include <benchmark/benchmark.h>

#include "bench/catalogue.h"
#include "common/fold.h"
#include "common/json_text.h"
#include "common/wire.h"

namespace tidemark::bench {
namespace {

constexpr std::size_t kRows = 10'000;

const std::vector<Product>& products() {
  static const std::vector<Product> kProducts = make_products(1, kRows);
  return kProducts;
}

WireTable product_table() {
  return {"products",
          {{"id", Kind::kUuid}},
          {{"sku", Kind::kText},
           {"name", Kind::kText},
           {"description", Kind::kText},
           {"price", Kind::kNumeric},
           {"currency", Kind::kText},
           {"stock", Kind::kInteger},
           {"category_id", Kind::kUuid},
           {"active", Kind::kBoolean},
           {"updated_at", Kind::kTimestamptz}}};
}

void append_change(std::string& out, const Product& product) {
  out += "[0,\"i\",[";
  append_json_string(out, product.id);
  out += "],[";
  for (const std::string* text :
       {&product.sku, &product.name, &product.description, &product.price, &product.currency}) {
    append_json_string(out, *text);
    out += ',';
  }
  append_json_integer(out, product.stock);
  out += ',';
  append_json_string(out, product.category_id);
  out += product.active ? ",true," : ",false,";
  append_json_string(out, product.updated_at);
  out += "]]";
}

std::string page() {
  std::string out = R"({"now":1,"tables":[)";
  append_wire_table(out, product_table());
  out += R"(],"changes":[)";
  for (std::size_t i = 0; i < products().size(); ++i) {
    if (i > 0) out += ',';
    append_change(out, products()[i]);
  }
  return out + "]}";
}

void count_rows(benchmark::State& state) {
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations() * kRows));
}

void WritePage(benchmark::State& state) {
  products();
  for (auto _ : state) benchmark::DoNotOptimize(page());
  count_rows(state);
}
BENCHMARK(WritePage)->Unit(benchmark::kMillisecond);

// simdjson alone: the floor of the next one.
void ParsePageToTree(benchmark::State& state) {
  const std::string body = page();
  for (auto _ : state) {
    simdjson::dom::parser parser;
    benchmark::DoNotOptimize(parse_body(parser, body));
  }
  count_rows(state);
}
BENCHMARK(ParsePageToTree)->Unit(benchmark::kMillisecond);

void ReadPage(benchmark::State& state) {
  const std::string body = page();
  for (auto _ : state) {
    simdjson::dom::parser parser;
    const simdjson::dom::element root = parse_body(parser, body);
    simdjson::dom::element list;
    if (root["tables"].get(list) != simdjson::SUCCESS) state.SkipWithError("no tables");
    const auto tables = WireReader::tables(list);
    WireReader reader(tables);
    WireChange change;
    for (const simdjson::dom::element element : array_member(root, "changes")) {
      reader.change(element, change);
      benchmark::DoNotOptimize(change);
    }
  }
  count_rows(state);
}
BENCHMARK(ReadPage)->Unit(benchmark::kMillisecond);

// Three updates of one column of a row of nine, against the row as it is now.
void FoldUpdates(benchmark::State& state) {
  constexpr std::size_t kColumns = 9;
  std::vector<LogEntry> entries(3);
  for (std::size_t i = 0; i < entries.size(); ++i) {
    entries[i].seq = static_cast<std::int64_t>(i + 1);
    entries[i].op = LogOp::kUpdate;
    entries[i].at_ms = 1'767'225'600'000 + static_cast<std::int64_t>(i);
    entries[i].changed.resize(kColumns);
    entries[i].old.resize(kColumns);
    entries[i].changed[3] = true;
    entries[i].old[3] = Value(ValueView::text(new_price(1, static_cast<int>(i))));
  }
  const std::optional<Row> present(Row(kColumns, Value(ValueView::text("12.50"))));
  for (auto _ : state) {
    for (std::size_t i = 0; i < kRows; ++i) {
      const Pending pending = fold(entries, kColumns);
      benchmark::DoNotOptimize(net_of(pending, present));
    }
  }
  count_rows(state);
}
BENCHMARK(FoldUpdates)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace tidemark::bench

BENCHMARK_MAIN();

// The device's half of bench/run: writes products into a SQLite file, plain or
// tracked, and times each step with the checkpoint that ends it. Prints one line
// of JSON for each step.
#include <sqlite3.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>

#include "bench/catalogue.h"

namespace tidemark::bench {
namespace {

constexpr std::size_t kRowsPerTransaction = 1000;

struct Finalizer {
  void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};

struct Closer {
  void operator()(sqlite3* db) const { sqlite3_close(db); }
};

class Database {
 public:
  // Opens the file as an application does: WAL, synchronous=NORMAL, the default cache.
  Database(const std::string& file, const std::string& extension) {
    sqlite3* db = nullptr;
    const int code = sqlite3_open(file.c_str(), &db);
    db_.reset(db);
    check(code);
    if (!extension.empty()) {
      check(sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 1, nullptr));
      check(sqlite3_load_extension(db, extension.c_str(), nullptr, nullptr));
    }
    run("pragma journal_mode = wal");
    run("pragma synchronous = normal");
  }

  void run(const char* sql) { check(sqlite3_exec(db_.get(), sql, nullptr, nullptr, nullptr)); }

  std::string text(const std::string& sql) {
    const auto statement = prepare(sql);
    const int code = sqlite3_step(statement.get());
    if (code != SQLITE_ROW) throw std::runtime_error(sql + ": " + sqlite3_errmsg(db_.get()));
    const auto* const bytes = sqlite3_column_text(statement.get(), 0);
    return bytes ? reinterpret_cast<const char*>(bytes) : "";
  }

  std::unique_ptr<sqlite3_stmt, Finalizer> prepare(const std::string& sql) {
    sqlite3_stmt* statement = nullptr;
    check(sqlite3_prepare_v3(db_.get(), sql.c_str(), -1, SQLITE_PREPARE_PERSISTENT, &statement, nullptr));
    return std::unique_ptr<sqlite3_stmt, Finalizer>(statement);
  }

  void step(sqlite3_stmt* statement) {
    check(sqlite3_step(statement) == SQLITE_DONE ? SQLITE_OK : SQLITE_ERROR);
    sqlite3_reset(statement);
  }

 private:
  void check(int code) const {
    if (code != SQLITE_OK) throw std::runtime_error(sqlite3_errmsg(db_.get()));
  }

  std::unique_ptr<sqlite3, Closer> db_;
};

void bind(sqlite3_stmt* statement, int place, const std::string& text) {
  sqlite3_bind_text(statement, place, text.data(), static_cast<int>(text.size()), SQLITE_STATIC);
}

void bind(sqlite3_stmt* statement, const Product& product) {
  bind(statement, 1, product.id);
  bind(statement, 2, product.sku);
  bind(statement, 3, product.name);
  bind(statement, 4, product.description);
  bind(statement, 5, product.price);
  bind(statement, 6, product.currency);
  sqlite3_bind_int64(statement, 7, product.stock);
  bind(statement, 8, product.category_id);
  sqlite3_bind_int(statement, 9, product.active);
  bind(statement, 10, product.updated_at);
}

constexpr char kInsert[] =
    "insert into products (id, sku, name, description, price, currency, stock, category_id, "
    "active, updated_at) "
    "values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
constexpr char kOrUpdate[] =
    " on conflict (id) do update set sku = excluded.sku, name = excluded.name, description = "
    "excluded.description, "
    "price = excluded.price, currency = excluded.currency, stock = excluded.stock, category_id = "
    "excluded.category_id, "
    "active = excluded.active, updated_at = excluded.updated_at";

double seconds_of(clockid_t clock) {
  timespec time{};
  clock_gettime(clock, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

// Runs a step and the checkpoint that brings it into the file itself, and prints what it took.
std::string timed(Database& db, const char* step, std::size_t rows, const std::function<std::string()>& body) {
  const double wall = seconds_of(CLOCK_MONOTONIC);
  const double cpu = seconds_of(CLOCK_PROCESS_CPUTIME_ID);
  std::string result = body();
  const double body_wall = seconds_of(CLOCK_MONOTONIC) - wall;
  db.run("pragma wal_checkpoint(truncate)");
  std::printf(R"({"step":"%s","rows":%zu,"seconds":%.6f,"cpu":%.6f,"before_checkpoint":%.6f})"
              "\n",
              step, rows, seconds_of(CLOCK_MONOTONIC) - wall, seconds_of(CLOCK_PROCESS_CPUTIME_ID) - cpu, body_wall);
  return result;
}

class Writes {
 public:
  Writes(Database& db, const std::vector<Product>& products) : db_(db), products_(products) {}

  void insert() {
    const auto statement = db_.prepare(kInsert);
    in_transactions("insert", products_.size(), [&](std::size_t i) {
      bind(statement.get(), products_[i]);
      db_.step(statement.get());
    });
  }

  void update_one_column() {
    const auto statement = db_.prepare("update products set price = ?2 where id = ?1");
    in_transactions("update 1 column", products_.size(), [&](std::size_t i) {
      const std::string price = new_price(i, 1);
      bind(statement.get(), 1, products_[i].id);
      bind(statement.get(), 2, price);
      db_.step(statement.get());
    });
  }

  void update_three_columns() {
    const auto statement = db_.prepare("update products set price = ?2, stock = ?3, updated_at = ?4 where id = ?1");
    in_transactions("update 3 columns", products_.size(), [&](std::size_t i) {
      const std::string price = new_price(i, 2);
      const std::string time = new_time(i, 2);
      bind(statement.get(), 1, products_[i].id);
      bind(statement.get(), 2, price);
      sqlite3_bind_int64(statement.get(), 3, products_[i].stock + 1);
      bind(statement.get(), 4, time);
      db_.step(statement.get());
    });
  }

  // Every fifth row.
  void remove() {
    const auto statement = db_.prepare("delete from products where id = ?1");
    in_transactions("delete", products_.size() / 5, [&](std::size_t i) {
      bind(statement.get(), 1, products_[i * 5].id);
      db_.step(statement.get());
    });
  }

  // Each its own transaction, on rows spread over the table.
  void single_row_transactions() {
    const auto statement = db_.prepare("update products set price = ?2 where id = ?1");
    const std::size_t count = products_.size() / 10;
    timed(db_, "single-row transactions", count, [&] {
      for (std::size_t i = 0; i < count; ++i) {
        const std::size_t place = i * 10 + 1;
        const std::string price = new_price(place, 3);
        bind(statement.get(), 1, products_[place].id);
        bind(statement.get(), 2, price);
        db_.step(statement.get());
      }
      return "";
    });
  }

  void upsert_in_one_transaction() {
    const auto statement = db_.prepare(std::string(kInsert) + kOrUpdate);
    timed(db_, "upsert", products_.size(), [&] {
      db_.run("begin immediate");
      for (const Product& product : products_) {
        bind(statement.get(), product);
        db_.step(statement.get());
      }
      db_.run("commit");
      return "";
    });
  }

 private:
  template <class Row>
  void in_transactions(const char* step, std::size_t count, const Row& row) {
    timed(db_, step, count, [&] {
      for (std::size_t i = 0; i < count; ++i) {
        if (i % kRowsPerTransaction == 0) db_.run("begin immediate");
        row(i);
        if ((i + 1) % kRowsPerTransaction == 0 || i + 1 == count) db_.run("commit");
      }
      return "";
    });
  }

  Database& db_;
  const std::vector<Product>& products_;
};

// For COPY ... FROM STDIN: the place, then the columns.
void print_products(const std::vector<Product>& products) {
  std::string line;
  for (std::size_t i = 0; i < products.size(); ++i) {
    const Product& p = products[i];
    line = std::to_string(i);
    for (const std::string& value : {p.id, p.sku, p.name, p.description, p.price, p.currency, std::to_string(p.stock),
                                     p.category_id, std::string(p.active ? "t" : "f"), p.updated_at}) {
      line += '\t';
      line += value;
    }
    std::cout << line << '\n';
  }
}

using Options = std::map<std::string, std::string>;

int run(const std::string& command, Options options) {
  const auto rows = static_cast<std::size_t>(std::stoul(options.emplace("--rows", "0").first->second));
  const auto seed = std::stoul(options.emplace("--seed", "1").first->second);
  std::vector<Product> products = make_products(seed, rows);
  if (command == "print") {
    print_products(products);
    return 0;
  }
  if (options["--order"] == "key") {
    std::sort(products.begin(), products.end(), [](const auto& a, const auto& b) { return a.id < b.id; });
  }
  Database db(options.at("--file"), options["--extension"]);
  Writes writes(db, products);
  if (command == "capture") {
    writes.insert();
    writes.update_one_column();
    writes.update_three_columns();
    writes.remove();
    writes.single_row_transactions();
  } else if (command == "insert") {
    writes.insert();
  } else if (command == "upsert") {
    writes.upsert_in_one_transaction();
  } else if (command == "call") {
    const std::string answer = timed(db, "call", rows, [&] { return db.text(options.at("--sql")); });
    std::printf("%s\n", answer.c_str());
  } else {
    throw std::runtime_error("unknown command " + command);
  }
  return 0;
}

}  // namespace
}  // namespace tidemark::bench

// tidemark_bench_device print|capture|insert|upsert|call [--file F] [--extension SO] [--rows N]
// [--seed N]
//                       [--order key] [--sql SELECT]
int main(int argc, char** argv) try {
  if (argc < 2 || argc % 2 != 0) throw std::runtime_error("usage: a command and pairs of --option value");
  tidemark::bench::Options options;
  for (int i = 2; i + 1 < argc; i += 2) options[argv[i]] = argv[i + 1];
  return tidemark::bench::run(argv[1], std::move(options));
} catch (const std::exception& error) {
  std::cerr << "tidemark_bench_device: " << error.what() << '\n';
  return 1;
}

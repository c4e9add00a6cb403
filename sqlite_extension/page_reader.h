// Asks for the next page while the last one is applied. The request never
// waits for the database, nor does a transaction wait for the request.
#pragma once

#include <functional>
#include <future>
#include <string>

namespace tidemark::device {

class PageReader {
 public:
  // `ask` gets the page after a cursor; it runs on another thread, one at a time.
  explicit PageReader(std::function<std::string(const std::string&)> ask) : ask_(std::move(ask)) {}

  // Waits for a request that is under way.
  ~PageReader() { forget(); }
  PageReader(const PageReader&) = delete;
  PageReader& operator=(const PageReader&) = delete;

  // The page after this cursor: the expected one if it is that. Throws what `ask` threw.
  std::string get(const std::string& after);

  // Asks for a page that will be wanted soon. On a machine that gives no thread
  // it is asked for when it is wanted.
  void expect(const std::string& after);

  // Drops the expected page.
  void forget();

 private:
  std::function<std::string(const std::string&)> ask_;
  std::string expected_;
  std::future<std::string> page_;
};

}  // namespace tidemark::device

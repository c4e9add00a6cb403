#include "sqlite_extension/page_reader.h"

#include <system_error>

namespace tidemark::device {

std::string PageReader::get(const std::string& after) {
  if (page_.valid() && expected_ == after) return page_.get();
  forget();
  return ask_(after);
}

void PageReader::expect(const std::string& after) {
  forget();
  expected_ = after;
  try {
    page_ = std::async(std::launch::async, ask_, after);
  } catch (const std::system_error&) {
    page_ = {};
  }
}

void PageReader::forget() {
  if (page_.valid()) page_.wait();
  page_ = {};
}

}  // namespace tidemark::device

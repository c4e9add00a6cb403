#include "tests/sqlite/failing_memory.h"

#include <curl/curl.h>
#include <malloc.h>
#include <sqlite3.h>

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <new>

namespace tidemark::test {
namespace {

thread_local std::int64_t left = 0;  // 0: none fails
thread_local bool for_good = false;
thread_local bool failed = false;
std::atomic<std::int64_t> live = 0;

bool fails_now() {
  if (left == 0 || --left > 0) return false;
  failed = true;
  if (for_good) left = 1;
  return true;
}

void* allocate(std::size_t size) {
  void* const memory = fails_now() ? nullptr : std::malloc(size > 0 ? size : 1);
  if (memory) ++live;
  return memory;
}
void release(void* memory) {
  if (memory) --live;
  std::free(memory);
}
void* resize(void* memory, std::size_t size) {
  if (!memory) return allocate(size);
  return fails_now() ? nullptr : std::realloc(memory, size > 0 ? size : 1);
}

void* sqlite_malloc(int size) { return allocate(static_cast<std::size_t>(size)); }
void* sqlite_realloc(void* memory, int size) { return resize(memory, static_cast<std::size_t>(size)); }
int sqlite_size(void* memory) { return static_cast<int>(malloc_usable_size(memory)); }
int sqlite_roundup(int size) { return (size + 7) & ~7; }
int sqlite_init(void*) { return SQLITE_OK; }
void sqlite_shutdown(void*) {}

void* curl_calloc(std::size_t count, std::size_t size) {
  void* const memory = allocate(count * size);
  return memory ? std::memset(memory, 0, count * size) : nullptr;
}
char* curl_strdup(const char* text) {
  const std::size_t size = std::strlen(text) + 1;
  void* const memory = allocate(size);
  return memory ? static_cast<char*>(std::memcpy(memory, text, size)) : nullptr;
}

unsigned seed() {
  const char* const given = std::getenv("TIDEMARK_SEED");
  const auto seed = given ? static_cast<unsigned>(std::strtoul(given, nullptr, 10)) : std::random_device()();
  std::cout << "TIDEMARK_SEED=" << seed << std::endl;
  return seed;
}

}  // namespace

void install_failing_memory() {
  static sqlite3_mem_methods methods = {sqlite_malloc,  release,     sqlite_realloc,  sqlite_size,
                                        sqlite_roundup, sqlite_init, sqlite_shutdown, nullptr};
  sqlite3_config(SQLITE_CONFIG_MALLOC, &methods);
  sqlite3_config(SQLITE_CONFIG_LOOKASIDE, 0, 0);  // each allocation counts
  curl_global_init_mem(CURL_GLOBAL_DEFAULT, allocate, release, resize, curl_strdup, curl_calloc);
}

void fail_allocation(std::int64_t n, bool and_after) {
  left = n;
  for_good = and_after;
  failed = false;
}

bool memory_is_back() {
  left = 0;
  return failed;
}

std::int64_t live_allocations() { return live; }

Sample::Sample(std::int64_t each) : each_(each), random_(seed()) {}

std::int64_t Sample::next() {
  const std::int64_t step_at_most = 1 + 2 * std::max<std::int64_t>(last_ - each_, 0) / each_;
  return last_ += std::uniform_int_distribution<std::int64_t>(1, step_at_most)(random_);
}

}  // namespace tidemark::test

void* operator new(std::size_t size) {
  void* const memory = tidemark::test::allocate(size);
  if (!memory) throw std::bad_alloc();
  return memory;
}
void* operator new[](std::size_t size) { return operator new(size); }
void* operator new(std::size_t size, const std::nothrow_t&) noexcept { return tidemark::test::allocate(size); }
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept { return tidemark::test::allocate(size); }
void operator delete(void* memory) noexcept { tidemark::test::release(memory); }
void operator delete[](void* memory) noexcept { tidemark::test::release(memory); }
void operator delete(void* memory, std::size_t) noexcept { tidemark::test::release(memory); }
void operator delete[](void* memory, std::size_t) noexcept { tidemark::test::release(memory); }

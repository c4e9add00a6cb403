// An allocator for the whole process, SQLite's, libcurl's and C++'s, that fails on demand.
#pragma once

#include <cstdint>
#include <random>

namespace tidemark::test {

// Gives SQLite and libcurl the allocator; before anything of them is used. C++ has it anyway.
void install_failing_memory();

// From now on allocation number `n` of this thread fails (1 is the next one);
// with `and_after` every later one too, until memory_is_back().
void fail_allocation(std::int64_t n, bool and_after);

// No allocation fails any more. True if one did.
bool memory_is_back();

// How many allocations of the process are not freed.
std::int64_t live_allocations();

// Which allocations to fail: each of the first `each`, of the others ever fewer,
// drawn by TIDEMARK_SEED or a seed that is printed.
class Sample {
 public:
  explicit Sample(std::int64_t each);
  std::int64_t next();

 private:
  std::int64_t each_;
  std::int64_t last_ = 0;
  std::mt19937 random_;
};

}  // namespace tidemark::test

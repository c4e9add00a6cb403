// zstd, for what is stored and sent in the same bytes.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

struct ZSTD_CCtx_s;

namespace tidemark::device {

// Compresses what is appended, a large body beside the caller in a thread of zstd's.
class Packer {
 public:
  Packer();
  void append(std::string_view bytes);
  std::size_t plain_size() const { return plain_size_; }  // bytes appended

  // The frame; nothing can be appended any more.
  std::string finish();

 private:
  struct Free {
    void operator()(ZSTD_CCtx_s* context) const;
  };
  void flush(bool end);

  std::unique_ptr<ZSTD_CCtx_s, Free> context_;
  std::string held_;  // not given to zstd yet
  std::string out_;
  std::size_t plain_size_ = 0;
  bool is_large_ = false;
};

std::string compress(std::string_view bytes);

// Throws Error{kInternal} for bytes that were not made here.
std::string decompress(std::string_view bytes);

}  // namespace tidemark::device

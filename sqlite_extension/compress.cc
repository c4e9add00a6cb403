#include "sqlite_extension/compress.h"

#include <zstd.h>
#include <zstd_errors.h>

#include <algorithm>
#include <new>
#include <utility>

#include "common/error.h"

namespace tidemark::device {
namespace {

constexpr int kLevel = 1;  // a till's processor is slower than its line
constexpr std::size_t kAtOnce = std::size_t{1} << 20;

std::size_t checked(std::size_t result) {
  if (ZSTD_getErrorCode(result) == ZSTD_error_memory_allocation) throw std::bad_alloc();
  if (ZSTD_isError(result)) {
    throw Error(ErrorCode::kInternal, std::string("zstd: ") + ZSTD_getErrorName(result),
                "A push or a page that is stored in this database cannot be read: is the file damaged?");
  }
  return result;
}

}  // namespace

void Packer::Free::operator()(ZSTD_CCtx_s* context) const { ZSTD_freeCCtx(context); }

Packer::Packer() : context_(ZSTD_createCCtx()) {
  if (!context_) throw std::bad_alloc();
  checked(ZSTD_CCtx_setParameter(context_.get(), ZSTD_c_compressionLevel, kLevel));
  // A byte that changes on the way must not become another value.
  checked(ZSTD_CCtx_setParameter(context_.get(), ZSTD_c_checksumFlag, 1));
}

void Packer::append(std::string_view bytes) {
  plain_size_ += bytes.size();
  held_ += bytes;
  if (held_.size() < kAtOnce) return;
  // Refused by a zstd that was built without threads; then it works in this one.
  if (!is_large_) ZSTD_CCtx_setParameter(context_.get(), ZSTD_c_nbWorkers, 1);
  is_large_ = true;
  flush(false);
}

std::string Packer::finish() {
  flush(true);
  return std::move(out_);
}

void Packer::flush(bool end) {
  ZSTD_inBuffer in{held_.data(), held_.size(), 0};
  std::size_t left = 1;
  while (end ? left > 0 : in.pos < in.size) {
    const std::size_t filled = out_.size();
    out_.resize(filled + (is_large_ ? ZSTD_CStreamOutSize() : ZSTD_compressBound(in.size)));
    ZSTD_outBuffer out{out_.data() + filled, out_.size() - filled, 0};
    left = checked(ZSTD_compressStream2(context_.get(), &out, &in, end ? ZSTD_e_end : ZSTD_e_continue));
    out_.resize(filled + out.pos);
  }
  held_.clear();
}

std::string compress(std::string_view bytes) {
  Packer packer;
  packer.append(bytes);
  return packer.finish();
}

std::string decompress(std::string_view bytes) {
  struct Free {
    void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
  };
  const std::unique_ptr<ZSTD_DCtx, Free> context(ZSTD_createDCtx());
  if (!context) throw std::bad_alloc();
  std::string plain;
  ZSTD_inBuffer in{bytes.data(), bytes.size(), 0};
  std::size_t left = 1;
  while (left > 0) {
    const std::size_t filled = plain.size();
    plain.resize(filled + std::max(4 * bytes.size(), ZSTD_DStreamOutSize()));
    ZSTD_outBuffer out{plain.data() + filled, plain.size() - filled, 0};
    left = checked(ZSTD_decompressStream(context.get(), &out, &in));
    plain.resize(filled + out.pos);
    if (left > 0 && in.pos == in.size && out.pos < out.size) {
      throw Error(ErrorCode::kInternal, "bytes stored in zstd's form end too early", "Is the database file damaged?");
    }
  }
  return plain;
}

}  // namespace tidemark::device

#include "sqlite_extension/compress.h"

#include <zstd.h>
#include <zstd_errors.h>

#include <memory>
#include <new>

#include "common/error.h"

namespace tidemark::device {
namespace {

constexpr int kLevel = 1;  // a till's processor is slower than its line

std::size_t checked(std::size_t result) {
  if (ZSTD_getErrorCode(result) == ZSTD_error_memory_allocation) throw std::bad_alloc();
  if (ZSTD_isError(result)) {
    throw Error(ErrorCode::kInternal, std::string("zstd: ") + ZSTD_getErrorName(result),
                "The sealed push in tidemark_push is damaged: is the database file?");
  }
  return result;
}

}  // namespace

std::string compress(std::string_view bytes) {
  struct Free {
    void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
  };
  const std::unique_ptr<ZSTD_CCtx, Free> context(ZSTD_createCCtx());
  if (!context) throw std::bad_alloc();
  checked(ZSTD_CCtx_setParameter(context.get(), ZSTD_c_compressionLevel, kLevel));
  // A byte that changes on the way must not become another value.
  checked(ZSTD_CCtx_setParameter(context.get(), ZSTD_c_checksumFlag, 1));
  std::string out(ZSTD_compressBound(bytes.size()), '\0');
  out.resize(checked(ZSTD_compress2(context.get(), out.data(), out.size(), bytes.data(), bytes.size())));
  return out;
}

std::string decompress(std::string_view bytes) {
  const auto size = ZSTD_getFrameContentSize(bytes.data(), bytes.size());
  if (size == ZSTD_CONTENTSIZE_ERROR || size == ZSTD_CONTENTSIZE_UNKNOWN) {
    throw Error(ErrorCode::kInternal, "the sealed push in tidemark_push is not a zstd frame", "Is the database file damaged?");
  }
  std::string out(size, '\0');
  checked(ZSTD_decompress(out.data(), out.size(), bytes.data(), bytes.size()));
  return out;
}

}  // namespace tidemark::device

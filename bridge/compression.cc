#include "bridge/compression.h"

#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <cctype>
#include <climits>
#include <cstdlib>
#include <memory>
#include <new>

#include "common/error.h"

namespace tidemark::bridge {
namespace {

constexpr int kZstdLevel = 1;  // 4 % larger than 3 and half the time
constexpr int kGzipLevel = 3;
constexpr int kZstdWindowLogMax = 23;     // 8 MiB, the most that RFC 9659 allows on the web
constexpr int kGzipWindowBits = 15 + 16;  // 32 KiB; + 16 means a gzip header, not zlib's
constexpr std::size_t kStepBytes = std::size_t{128} << 10;

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

bool is_same_word(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); });
}

// Cuts `rest` at the first `separator` and gives what stood before it.
std::string_view next_part(std::string_view& rest, char separator) {
  const std::size_t end = std::min(rest.find(separator), rest.size());
  const std::string_view part = trimmed(rest.substr(0, end));
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return part;
}

// The q of "gzip;q=0.5" in thousandths; 1000 if there is none, 0 if it is malformed.
int weight_of(std::string_view parameters) {
  while (!parameters.empty()) {
    std::string_view value = next_part(parameters, ';');
    const std::string_view name = next_part(value, '=');
    if (!is_same_word(name, "q")) continue;
    char* end = nullptr;
    const std::string text(value);
    const double weight = std::strtod(text.c_str(), &end);
    const bool is_number = !text.empty() && end == text.c_str() + text.size();
    return is_number && weight >= 0 && weight <= 1 ? static_cast<int>(weight * 1000) : 0;
  }
  return 1000;
}

[[noreturn]] void corrupt(const char* encoding, const std::string& why) {
  throw Error(ErrorCode::kInvalidInput, std::string("the body is not valid ") + encoding + ": " + why,
              "A proxy may have cut or changed it.");
}

// Makes room for a step of output, never beyond one byte over the limit: that
// byte is what tells a body that is too large from one that just fits.
std::size_t room_for_step(std::string& out, std::size_t used, std::size_t limit) {
  const std::size_t step = std::min(std::max(kStepBytes, used), limit + 1 - used);
  out.resize(used + step);
  return step;
}

void check_limit(std::size_t used, std::size_t limit) {
  if (used <= limit) return;
  throw Error(ErrorCode::kTooLarge,
              "the body is over the limit of " + std::to_string(limit) + " bytes when decompressed",
              "Send smaller pushes, or raise --max-body of the bridge.");
}

std::string decompress_zstd(std::string_view body, std::size_t limit) {
  const std::unique_ptr<ZSTD_DCtx, std::size_t (*)(ZSTD_DCtx*)> context(ZSTD_createDCtx(), ZSTD_freeDCtx);
  if (!context) throw std::bad_alloc();
  ZSTD_DCtx_setParameter(context.get(), ZSTD_d_windowLogMax, kZstdWindowLogMax);

  std::string out;
  std::size_t used = 0;
  ZSTD_inBuffer input{body.data(), body.size(), 0};
  for (;;) {
    const std::size_t room = room_for_step(out, used, limit);
    ZSTD_outBuffer output{out.data() + used, room, 0};
    const std::size_t wanted = ZSTD_decompressStream(context.get(), &output, &input);
    if (ZSTD_isError(wanted)) corrupt("zstd", ZSTD_getErrorName(wanted));
    used += output.pos;
    check_limit(used, limit);
    if (input.pos < input.size) continue;
    if (wanted == 0) break;
    if (output.pos < room) corrupt("zstd", "it ends too early");
  }
  out.resize(used);
  return out;
}

std::string decompress_gzip(std::string_view body, std::size_t limit) {
  if (body.size() > UINT_MAX) corrupt("gzip", "it is too long");
  z_stream stream{};
  if (inflateInit2(&stream, kGzipWindowBits) != Z_OK) throw std::bad_alloc();
  const std::unique_ptr<z_stream, int (*)(z_stream*)> end_of_scope(&stream, inflateEnd);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(body.data()));
  stream.avail_in = static_cast<uInt>(body.size());

  std::string out;
  std::size_t used = 0;
  for (;;) {
    const std::size_t room = std::min<std::size_t>(room_for_step(out, used, limit), UINT_MAX);
    stream.next_out = reinterpret_cast<Bytef*>(out.data() + used);
    stream.avail_out = static_cast<uInt>(room);
    const int code = inflate(&stream, Z_NO_FLUSH);
    used += room - stream.avail_out;
    check_limit(used, limit);
    if (code == Z_STREAM_END) {
      if (stream.avail_in == 0) break;
      inflateReset(&stream);  // another member follows
    } else if (code == Z_BUF_ERROR || (code == Z_OK && stream.avail_in == 0 && stream.avail_out > 0)) {
      corrupt("gzip", "it ends too early");
    } else if (code != Z_OK) {
      corrupt("gzip", stream.msg ? stream.msg : "broken data");
    }
  }
  out.resize(used);
  return out;
}

std::string compress_zstd(std::string_view body) {
  // One for each thread of the pool: to make one costs more than a small answer.
  thread_local const std::unique_ptr<ZSTD_CCtx, std::size_t (*)(ZSTD_CCtx*)> context(ZSTD_createCCtx(), ZSTD_freeCCtx);
  if (!context) throw std::bad_alloc();
  ZSTD_CCtx_setParameter(context.get(), ZSTD_c_compressionLevel, kZstdLevel);
  // A byte that changes on the way must not become another value.
  ZSTD_CCtx_setParameter(context.get(), ZSTD_c_checksumFlag, 1);
  std::string out(ZSTD_compressBound(body.size()), '\0');
  const std::size_t size = ZSTD_compress2(context.get(), out.data(), out.size(), body.data(), body.size());
  if (ZSTD_isError(size)) throw Error(ErrorCode::kInternal, ZSTD_getErrorName(size));
  out.resize(size);
  return out;
}

std::string compress_gzip(std::string_view body) {
  z_stream stream{};
  constexpr int kMemoryLevel = 8;  // zlib's default
  if (deflateInit2(&stream, kGzipLevel, Z_DEFLATED, kGzipWindowBits, kMemoryLevel, Z_DEFAULT_STRATEGY) != Z_OK) {
    throw std::bad_alloc();
  }
  const std::unique_ptr<z_stream, int (*)(z_stream*)> end_of_scope(&stream, deflateEnd);
  std::string out(deflateBound(&stream, body.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(body.data()));
  stream.avail_in = static_cast<uInt>(body.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  if (deflate(&stream, Z_FINISH) != Z_STREAM_END) throw Error(ErrorCode::kInternal, "gzip failed");
  out.resize(out.size() - stream.avail_out);
  return out;
}

}  // namespace

const char* name_of(Encoding encoding) {
  switch (encoding) {
    case Encoding::kIdentity: return "";
    case Encoding::kGzip: return "gzip";
    case Encoding::kZstd: return "zstd";
  }
  return "";
}

Encoding content_encoding(std::string_view header) {
  const std::string_view word = trimmed(header);
  if (word.empty() || is_same_word(word, "identity")) return Encoding::kIdentity;
  if (is_same_word(word, "zstd")) return Encoding::kZstd;
  if (is_same_word(word, "gzip") || is_same_word(word, "x-gzip")) return Encoding::kGzip;
  throw Error(ErrorCode::kUnsupported, "the body's Content-Encoding is not zstd, gzip or identity",
              "Send the body as zstd, gzip or as it is.");
}

Encoding preferred_encoding(std::string_view header) {
  constexpr int kNotNamed = -1;
  int zstd = kNotNamed, gzip = kNotNamed, any = 0;
  while (!header.empty()) {
    std::string_view entry = next_part(header, ',');
    const std::string_view name = next_part(entry, ';');
    const int weight = weight_of(entry);
    if (is_same_word(name, "zstd")) zstd = weight;
    if (is_same_word(name, "gzip") || is_same_word(name, "x-gzip")) gzip = weight;
    if (name == "*") any = weight;
  }
  if (zstd == kNotNamed) zstd = any;
  if (gzip == kNotNamed) gzip = any;
  if (zstd > 0 && zstd >= gzip) return Encoding::kZstd;
  return gzip > 0 ? Encoding::kGzip : Encoding::kIdentity;
}

std::string decompress(std::string_view body, Encoding encoding, std::size_t limit) {
  switch (encoding) {
    case Encoding::kZstd: return decompress_zstd(body, limit);
    case Encoding::kGzip: return decompress_gzip(body, limit);
    case Encoding::kIdentity: break;
  }
  return std::string(body);
}

std::string compress(std::string_view body, Encoding encoding) {
  switch (encoding) {
    case Encoding::kZstd: return compress_zstd(body);
    case Encoding::kGzip: return compress_gzip(body);
    case Encoding::kIdentity: break;
  }
  return std::string(body);
}

}  // namespace tidemark::bridge

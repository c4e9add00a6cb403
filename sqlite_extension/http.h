// One HTTP conversation with the bridge, over libcurl. The only file of the
// device that talks to a network.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace tidemark::device {

struct HttpOptions {
  std::string ca_file;  // PEM; empty: the system's certificates
  long connect_timeout_s = 10;
  long stall_timeout_s = 60;  // no byte for this long ends a request
};

struct HttpAnswer {
  long status = 0;
  std::string content_type;
  std::string body;  // decompressed
};

// A connection that is kept open between requests. Not for several threads.
class Http {
 public:
  explicit Http(const HttpOptions& options);
  ~Http();
  Http(const Http&) = delete;
  Http& operator=(const Http&) = delete;

  // Throw Error{kUnreachable} when no connection can be made (also for a
  // certificate that does not verify), Error{kUnavailable} when no whole answer
  // comes, with the reason and a hint; Error{kInvalidInput} for a URL
  // that is none, Error{kTooLarge} for an answer over the limit.
  HttpAnswer get(const std::string& url, const std::string& authorization);
  HttpAnswer post(const std::string& url, const std::string& authorization, std::string_view body,
                  std::string_view content_encoding);

  // When the last request left and its answer was whole: ms since 1970 by this
  // machine's clock.
  std::int64_t sent_ms() const;
  std::int64_t received_ms() const;

  // Bytes of bodies that went over the wire, both ways, since the last call.
  std::int64_t take_bytes_in();
  std::int64_t take_bytes_out();

 private:
  struct Handle;
  HttpAnswer perform(const std::string& url);

  std::unique_ptr<Handle> handle_;
};

}  // namespace tidemark::device

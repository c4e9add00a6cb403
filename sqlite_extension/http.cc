#include "sqlite_extension/http.h"

#include <curl/curl.h>

#include <chrono>
#include <new>
#include <utility>

#include "common/error.h"

namespace tidemark::device {
namespace {

constexpr std::size_t kMaxAnswerBytes = std::size_t{512} << 20;

struct Sink {
  std::string body;
  bool too_large = false;
  bool out_of_memory = false;
};

std::size_t append_to_sink(char* bytes, std::size_t, std::size_t count, void* user) noexcept {
  auto* sink = static_cast<Sink*>(user);
  try {
    if (sink->body.size() + count > kMaxAnswerBytes) {
      sink->too_large = true;
      return 0;
    }
    sink->body.append(bytes, count);
    return count;
  } catch (const std::bad_alloc&) {
    sink->out_of_memory = true;
    return 0;
  }
}

// Failures before a request has left this machine.
bool is_unreachable(CURLcode code) {
  switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_CONNECT:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE: return true;
    default: return false;
  }
}

std::string hint_for(CURLcode code) {
  switch (code) {
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
      return "The hub's certificate does not verify. Pass the authority that signed it: "
             "tidemark_connect(url, user, secret, '{\"ca\":\"/path/ca.pem\"}').";
    case CURLE_COULDNT_RESOLVE_HOST: return "Check the host name in the URL, and the name service.";
    case CURLE_COULDNT_CONNECT: return "Is the bridge running (tidemark serve) and the address right?";
    case CURLE_OPERATION_TIMEDOUT: return "The line may be slow or cut. Changes stay pending; sync again later.";
    case CURLE_BAD_CONTENT_ENCODING:
    case CURLE_WRITE_ERROR:
    case CURLE_PARTIAL_FILE:
      return "The answer was cut off or damaged on its way. Nothing of it was applied; sync again.";
    case CURLE_SSL_CONNECT_ERROR: return "The bridge may speak plain HTTP on this port: try http://.";
    default: return "Changes stay pending; sync again later.";
  }
}

std::int64_t clock_ms() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
}

// libcurl copies texts: what it could not copy would be left out of the request unseen.
template <class Value>
void set(CURL* curl, CURLoption option, Value value) {
  if (curl_easy_setopt(curl, option, value) == CURLE_OUT_OF_MEMORY) throw std::bad_alloc();
}

struct FreeList {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
using Headers = std::unique_ptr<curl_slist, FreeList>;

void add(Headers& headers, const std::string& line) {
  curl_slist* const longer = curl_slist_append(headers.get(), line.c_str());
  if (!longer) throw std::bad_alloc();
  static_cast<void>(headers.release());
  headers.reset(longer);
}

}  // namespace

struct Http::Handle {
  CURL* curl = nullptr;
  std::int64_t bytes_in = 0;
  std::int64_t bytes_out = 0;
  std::int64_t sent_ms = 0;
  std::int64_t received_ms = 0;
  char error[CURL_ERROR_SIZE] = "";

  ~Handle() { curl_easy_cleanup(curl); }
};

Http::Http(const HttpOptions& options) : handle_(std::make_unique<Handle>()) {
  handle_->curl = curl_easy_init();
  if (!handle_->curl) throw std::bad_alloc();
  CURL* const curl = handle_->curl;
  set(curl, CURLOPT_NOSIGNAL, 1L);  // we are a guest in the process
  set(curl, CURLOPT_PROTOCOLS_STR, "http,https");
  set(curl, CURLOPT_CONNECTTIMEOUT, options.connect_timeout_s);
  set(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
  set(curl, CURLOPT_LOW_SPEED_TIME, options.stall_timeout_s);
  set(curl, CURLOPT_USERAGENT, "tidemark/" TIDEMARK_VERSION);
  set(curl, CURLOPT_ACCEPT_ENCODING, "zstd, gzip");
  set(curl, CURLOPT_ERRORBUFFER, handle_->error);
  set(curl, CURLOPT_WRITEFUNCTION, append_to_sink);
  if (!options.ca_file.empty()) set(curl, CURLOPT_CAINFO, options.ca_file.c_str());
}

Http::~Http() = default;

HttpAnswer Http::get(const std::string& url, const std::string& authorization) {
  Headers headers;
  add(headers, "Authorization: " + authorization);
  set(handle_->curl, CURLOPT_HTTPGET, 1L);
  set(handle_->curl, CURLOPT_HTTPHEADER, headers.get());
  return perform(url);
}

HttpAnswer Http::post(const std::string& url, const std::string& authorization, std::string_view body,
                      std::string_view content_encoding) {
  Headers headers;
  add(headers, "Authorization: " + authorization);
  add(headers, "Content-Type: application/json");
  if (!content_encoding.empty()) add(headers, "Content-Encoding: " + std::string(content_encoding));
  set(handle_->curl, CURLOPT_POST, 1L);
  set(handle_->curl, CURLOPT_POSTFIELDS, body.data());
  set(handle_->curl, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size()));
  set(handle_->curl, CURLOPT_HTTPHEADER, headers.get());
  return perform(url);
}

HttpAnswer Http::perform(const std::string& url) {
  CURL* const curl = handle_->curl;
  Sink sink;
  handle_->error[0] = '\0';
  set(curl, CURLOPT_URL, url.c_str());
  set(curl, CURLOPT_WRITEDATA, &sink);
  handle_->sent_ms = clock_ms();
  const CURLcode code = curl_easy_perform(curl);
  handle_->received_ms = clock_ms();

  curl_off_t in = 0;
  curl_off_t out = 0;
  curl_easy_getinfo(curl, CURLINFO_SIZE_DOWNLOAD_T, &in);
  curl_easy_getinfo(curl, CURLINFO_SIZE_UPLOAD_T, &out);
  handle_->bytes_in += in;
  handle_->bytes_out += out;

  if (sink.out_of_memory || code == CURLE_OUT_OF_MEMORY) throw std::bad_alloc();
  if (sink.too_large) {
    throw Error(ErrorCode::kTooLarge, "the hub's answer is larger than 512 MiB",
                "Ask the bridge for smaller pages (--page-bytes).");
  }
  if (code == CURLE_URL_MALFORMAT || code == CURLE_UNSUPPORTED_PROTOCOL) {
    throw Error(ErrorCode::kInvalidInput, "\"" + url + "\" is not an http or https URL",
                "Write it like http://127.0.0.1:8880 or https://hub.example.com.");
  }
  if (code != CURLE_OK) {
    const char* const reason = handle_->error[0] ? handle_->error : curl_easy_strerror(code);
    const ErrorCode kind = is_unreachable(code) ? ErrorCode::kUnreachable : ErrorCode::kUnavailable;
    throw Error(kind, "no answer from " + url.substr(0, url.find('?')) + ": " + reason, hint_for(code));
  }

  HttpAnswer answer;
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &answer.status);
  const char* content_type = nullptr;
  curl_easy_getinfo(curl, CURLINFO_CONTENT_TYPE, &content_type);
  if (content_type) answer.content_type = content_type;
  answer.body = std::move(sink.body);
  return answer;
}

std::int64_t Http::sent_ms() const { return handle_->sent_ms; }

std::int64_t Http::received_ms() const { return handle_->received_ms; }

std::int64_t Http::take_bytes_in() { return std::exchange(handle_->bytes_in, 0); }

std::int64_t Http::take_bytes_out() { return std::exchange(handle_->bytes_out, 0); }

}  // namespace tidemark::device

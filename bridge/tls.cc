#include "bridge/tls.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "common/error.h"

namespace tidemark::bridge {
namespace {

constexpr char kHint[] =
    "--tls-cert is a PEM file with the certificate and its chain, --tls-key its key without a "
    "passphrase.";

// OpenSSL's newest complaint; it keeps a queue of them per thread.
std::string openssl_message() {
  const unsigned long code = ERR_peek_last_error();
  const char* const reason = code ? ERR_reason_error_string(code) : nullptr;
  ERR_clear_error();
  return reason ? reason : "not a PEM file of this kind";
}

void check_readable(const std::string& file) {
  if (std::FILE* const handle = std::fopen(file.c_str(), "rb")) {
    std::fclose(handle);
    return;
  }
  throw Error(ErrorCode::kInvalidInput, "cannot read \"" + file + "\": " + std::strerror(errno));
}

[[noreturn]] void refuse(const std::string& what) {
  throw Error(ErrorCode::kInvalidInput, what + ": " + openssl_message(), kHint);
}

// Instead of asking the terminal for a passphrase and waiting there.
int no_passphrase(char*, int, int, void*) { return 0; }

}  // namespace

std::shared_ptr<boost::asio::ssl::context> load_tls(const std::string& certificate_file, const std::string& key_file) {
  check_readable(certificate_file);
  check_readable(key_file);
  auto context = std::make_shared<boost::asio::ssl::context>(boost::asio::ssl::context::tls_server);
  SSL_CTX* const handle = context->native_handle();
  SSL_CTX_set_min_proto_version(handle, TLS1_2_VERSION);
  SSL_CTX_set_options(handle, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_default_passwd_cb(handle, no_passphrase);
  ERR_clear_error();
  if (SSL_CTX_use_certificate_chain_file(handle, certificate_file.c_str()) != 1) {
    refuse("the certificate in \"" + certificate_file + "\" cannot be used");
  }
  if (SSL_CTX_use_PrivateKey_file(handle, key_file.c_str(), SSL_FILETYPE_PEM) != 1) {
    refuse("the key in \"" + key_file + "\" cannot be used");
  }
  if (SSL_CTX_check_private_key(handle) != 1) {
    refuse("the key in \"" + key_file + "\" is not the certificate's in \"" + certificate_file + "\"");
  }
  return context;
}

}  // namespace tidemark::bridge

// The TLS side of the listener: certificate, key and what we speak.
#pragma once

#include <boost/asio/ssl/context.hpp>
#include <memory>
#include <string>

namespace tidemark::bridge {

// A server context from a PEM chain and its key. Throws Error{kInvalidInput}
// that names the file and what is wrong with it.
std::shared_ptr<boost::asio::ssl::context> load_tls(const std::string& certificate_file, const std::string& key_file);

}  // namespace tidemark::bridge

// Users' secrets and devices' tokens. Secrets are kept as PostgreSQL keeps its
// own, by its own functions; tokens are random, so a plain hash of one is enough.
#include <array>

#include "common/json_text.h"
#include "pg_extension/guard.h"

namespace tidemark::pg {

TIDEMARK_SQL_FUNCTION(tidemark_secret_verifier) {
  const std::string secret = text_argument(fcinfo, 0);
  return text_datum(call([&] { return pg_be_scram_build_secret(secret.c_str()); }));
}

TIDEMARK_SQL_FUNCTION(tidemark_secret_matches) {
  const std::string user = text_argument(fcinfo, 0);
  const std::string secret = text_argument(fcinfo, 1);
  if (fcinfo->args[2].isnull) {  // no such user: as slow as a wrong secret
    call([&] { pg_be_scram_build_secret(secret.c_str()); });
    return BoolGetDatum(false);
  }
  const std::string verifier = text_argument(fcinfo, 2);
  return BoolGetDatum(
      call([&] { return scram_verify_plain_password(user.c_str(), secret.c_str(), verifier.c_str()); }));
}

// 256 random bits in characters that may stand in a URL or a header.
TIDEMARK_SQL_FUNCTION(tidemark_new_token) {
  std::array<char, 32> bytes{};
  if (!pg_strong_random(bytes.data(), bytes.size())) {
    throw Error(ErrorCode::kInternal, "no random numbers to be had");
  }
  std::string token = base64_encode({bytes.data(), bytes.size()});
  for (char& character : token) {
    if (character == '+') character = '-';
    if (character == '/') character = '_';
  }
  token.resize(token.find('='));
  return text_datum(token);
}

}  // namespace tidemark::pg

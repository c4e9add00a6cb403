// The only way a name or a value gets into SQL text.
#pragma once

#include <string>
#include <string_view>

namespace tidemark {

// For a table or column name: order -> "order", say "hi" -> "say ""hi""".
std::string quote_identifier(std::string_view name);

// For a string constant: it's -> 'it''s'. Assumes standard_conforming_strings.
std::string quote_literal(std::string_view text);

}  // namespace tidemark

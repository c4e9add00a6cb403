#include "sqlite_extension/codec.h"

#include <simdjson.h>

#include <cmath>

#include "common/json_text.h"
#include "common/uuid.h"

namespace tidemark::device {
namespace {

// "018ff383-3e37-…" to 16 bytes; empty if it is not of that form.
std::string uuid_bytes(std::string_view text) {
  std::string bytes;
  int high = -1;
  for (const char character : text) {
    if (character == '-') continue;
    const int digit = character >= '0' && character <= '9'   ? character - '0'
                      : character >= 'a' && character <= 'f' ? character - 'a' + 10
                                                             : -1;
    if (digit < 0) return "";
    if (high < 0) {
      high = digit;
    } else {
      bytes += static_cast<char>(high << 4 | digit);
      high = -1;
    }
  }
  return bytes.size() == 16 && high < 0 ? bytes : "";
}

void append_blob(std::string& out, Kind kind, std::string_view bytes) {
  if (kind == Kind::kUuid && bytes.size() == 16) {
    UuidBytes uuid;
    std::copy(bytes.begin(), bytes.end(), reinterpret_cast<char*>(uuid.data()));
    out += '"';
    out += uuid_text(uuid);
    out += '"';
    return;
  }
  append_json_blob(out, bytes);
}

bool append_text(std::string& out, Kind kind, std::string_view text) {
  if (form_of(kind) == Form::kReals && text == "NaN") {
    out += R"({"real":"nan"})";
    return true;
  }
  if (!simdjson::validate_utf8(text.data(), text.size())) return false;
  append_json_string(out, text);
  return true;
}

}  // namespace

bool append_json(std::string& out, Kind kind, const ValueView& value) {
  switch (value.type) {
    case Type::kNull: out += "null"; return true;
    case Type::kInteger:
      if (kind == Kind::kBoolean && (value.integer == 0 || value.integer == 1)) {
        out += value.integer ? "true" : "false";
      } else {
        append_json_integer(out, value.integer);
      }
      return true;
    case Type::kReal: append_json_real(out, value.real); return true;
    case Type::kText: return append_text(out, kind, value.bytes);
    case Type::kBlob: append_blob(out, kind, value.bytes); return true;
  }
  return true;
}

ValueView from_wire(Kind kind, bool uuid_as_bytes, const WireValue& value, std::deque<std::string>& kept) {
  switch (value.type) {
    case WireValue::Type::kNull: return ValueView::null();
    case WireValue::Type::kBoolean: return ValueView::of(std::int64_t{value.boolean});
    case WireValue::Type::kInteger:
      if (form_of(kind) == Form::kReals) return ValueView::of(static_cast<double>(value.integer));
      return ValueView::of(value.integer);
    case WireValue::Type::kReal:
      if (std::isnan(value.real)) return ValueView::text("NaN");  // SQLite would make it NULL
      return ValueView::of(value.real);
    case WireValue::Type::kBlob: return ValueView::blob(value.text);
    case WireValue::Type::kText: break;
  }
  if (kind == Kind::kUuid && uuid_as_bytes) {
    std::string bytes = uuid_bytes(value.text);
    if (!bytes.empty()) return ValueView::blob(kept.emplace_back(std::move(bytes)));
  }
  return ValueView::text(value.text);
}

std::string key_json(const Row& key) {
  std::string json = "[";
  for (const Value& value : key) {
    if (json.size() > 1) json += ',';
    const ValueView view = value.view();
    if (view.type == Type::kBlob) {
      constexpr char kHex[] = "0123456789ABCDEF";
      json += R"({"hex":")";
      for (const char byte : view.bytes) {
        json += kHex[static_cast<unsigned char>(byte) >> 4];
        json += kHex[static_cast<unsigned char>(byte) & 15];
      }
      json += "\"}";
    } else if (!append_json(json, Kind::kText, view)) {
      json += "\"\"";
    }
  }
  return json + "]";
}

}  // namespace tidemark::device

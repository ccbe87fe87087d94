#include "tessera/cli/pages/html.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>

namespace tessera::cli::pages {
namespace {

constexpr std::string_view kNoBreakSpace = "\u00A0";
constexpr std::string_view kThinSpace = "\u202F";

bool starts_with(std::string_view text, std::string_view prefix) {
  return text.substr(0, prefix.size()) == prefix;
}

// A scheme is letters, digits and "+-." before a colon that comes before any slash.
bool has_scheme(std::string_view link) {
  for (const unsigned char c : link) {
    if (c == ':') return true;
    if (c == '/' || c == '?' || c == '#') return false;
  }
  return false;
}

}  // namespace

std::string escape_html(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default: {
        const auto byte = static_cast<unsigned char>(c);
        const bool is_control = (byte < 32 && c != '\t' && c != '\n' && c != '\r') || byte == 127;
        out += is_control ? "\uFFFD" : std::string(1, c);
      }
    }
  }
  return out;
}

std::string link_url(std::string_view path) {
  if (starts_with(path, "data:image/") || starts_with(path, "data:video/")) {
    return std::string(path);
  }
  std::string out = has_scheme(path) ? "./" : "";
  for (const char c : path) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte <= 32 || byte == 127 || std::string_view("#?%\"<>\\").find(c) != std::string::npos) {
      char code[4];
      std::snprintf(code, sizeof code, "%%%02X", byte);
      out += code;
    } else {
      out += c;
    }
  }
  return out;
}

std::string data_uri(std::string_view mime, std::span<const std::byte> bytes) {
  constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out = "data:" + std::string(mime) + ";base64,";
  for (size_t i = 0; i < bytes.size(); i += 3) {
    uint32_t group = 0;
    const size_t count = std::min<size_t>(3, bytes.size() - i);
    for (size_t k = 0; k < 3; ++k) {
      group = group << 8 | (k < count ? std::to_integer<uint32_t>(bytes[i + k]) : 0);
    }
    for (size_t k = 0; k < 4; ++k) {
      out += k <= count ? kDigits[group >> (18 - 6 * k) & 63] : '=';
    }
  }
  return out;
}

std::string fixed(double value, int digits) {
  if (std::isnan(value)) return "–";
  if (std::isinf(value)) return value > 0 ? "∞" : "−∞";
  char text[64];
  std::snprintf(text, sizeof text, "%.*f", digits, value);
  return text;
}

std::string number_text(double value) {
  char text[64];
  std::snprintf(text, sizeof text, "%.6g", value);
  return text;
}

std::string percent(double share, int digits) {
  return fixed(100 * share, digits) + std::string(kNoBreakSpace) + "%";
}

std::string duration(double seconds) {
  const std::string space(kNoBreakSpace);
  if (!(seconds >= 0) || std::isinf(seconds)) return "–";
  if (seconds < 1) return fixed(seconds, 2) + space + "s";
  if (seconds < 99.95) return fixed(seconds, 1) + space + "s";
  const long long whole = std::llround(seconds);
  char text[64];
  if (whole < 3600) {
    std::snprintf(text, sizeof text, "%lld%smin%s%lld%ss", whole / 60, space.c_str(), space.c_str(),
                  whole % 60, space.c_str());
  } else {
    std::snprintf(text, sizeof text, "%lld%sh%s%02lld%smin", whole / 3600, space.c_str(),
                  space.c_str(), whole / 60 % 60, space.c_str());
  }
  return text;
}

std::string grouped(long long number) {
  std::string digits = std::to_string(number < 0 ? -number : number), out;
  for (size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && (digits.size() - i) % 3 == 0) out += kThinSpace;
    out += digits[i];
  }
  if (number < 0) out.insert(0, "−");
  return out;
}

}  // namespace tessera::cli::pages

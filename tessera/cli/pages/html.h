// Text for HTML: escaping and the forms in which pages show numbers.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace tessera::cli::pages {

/// Text made safe inside elements and quoted attributes: & < > " ' become entities and control
/// characters other than tab and line ends become U+FFFD.
std::string escape_html(std::string_view text);

/// The URL of a file's path relative to the page: characters that mean something in URLs are
/// percent-encoded, and a path that looks like a scheme ("javascript:...") stays a path.
/// data:image/ and data:video/ URIs pass unchanged. The result is not yet escaped for HTML.
std::string link_url(std::string_view path);

/// `data:MIME;base64,...`
std::string data_uri(std::string_view mime, std::span<const std::byte> bytes);

/// A number with that many digits after the point; "–" for NaN, "∞" for infinity.
std::string fixed(double value, int digits);

/// The shortest text of a setting: "16", "23.976", "-6.93".
std::string number_text(double value);

/// "48 %", with a space that does not break.
std::string percent(double share, int digits = 0);

/// "0.31 s", "8.7 s", "3 min 20 s", "2 h 05 min".
std::string duration(double seconds);

/// Thousands apart by a thin space: "32 760".
std::string grouped(long long number);

}  // namespace tessera::cli::pages

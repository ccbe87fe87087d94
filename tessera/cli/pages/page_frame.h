// The frame of every page: document, style sheet, script; private to the pages.
#pragma once

#include <string>
#include <string_view>

namespace tessera::cli::pages {

/// The style sheet (page_style.cc) and the script that plays films (page_script.cc).
std::string_view style_sheet();
std::string_view player_script();

/// Styles of score tables and cases (segment_style.cc), and the script that sorts and enlarges.
std::string_view segment_style();
std::string_view segment_script();

/// A whole document. `title` is plain text; `body` is HTML; `more_style` follows the style sheet.
std::string document(std::string_view title, const std::string& body,
                     std::string_view more_style = "", std::string_view script = player_script());

}  // namespace tessera::cli::pages

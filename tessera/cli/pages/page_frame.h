// The frame of every page: document, style sheet, script; private to the pages.
#pragma once

#include <string>
#include <string_view>

namespace tessera::cli::pages {

/// A whole document. `title` is plain text; `body` is HTML.
std::string document(std::string_view title, const std::string& body);

/// The style sheet (page_style.cc) and the script that plays films (page_script.cc).
std::string_view style_sheet();
std::string_view player_script();

}  // namespace tessera::cli::pages

#include "tessera/cli/pages/page_frame.h"

#include "tessera/cli/pages/html.h"

namespace tessera::cli::pages {

std::string document(std::string_view title, const std::string& body, std::string_view more_style,
                     std::string_view script) {
  std::string out =
      "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<meta name=\"color-scheme\" content=\"light dark\">\n<title>";
  out += escape_html(title);
  out += "</title>\n<style>\n";
  out += style_sheet();
  out += more_style;
  out += "</style>\n</head>\n<body>\n";
  out += body;
  out += "\n<script>\n";
  out += script;
  out += "</script>\n</body>\n</html>\n";
  return out;
}

}  // namespace tessera::cli::pages

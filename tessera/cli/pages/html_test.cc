#include "tessera/cli/pages/html.h"

#include <cmath>
#include <limits>

#include <gtest/gtest.h>

namespace tessera::cli::pages {
namespace {

TEST(EscapeHtml, MakesMarkupHarmless) {
  EXPECT_EQ(escape_html("<script>alert('a & \"b\"')</script>"),
            "&lt;script&gt;alert(&#39;a &amp; &quot;b&quot;&#39;)&lt;/script&gt;");
}

TEST(EscapeHtml, KeepsOtherAlphabetsAndLineEnds) {
  EXPECT_EQ(escape_html("猫が\tкошка\n"), "猫が\tкошка\n");
}

TEST(EscapeHtml, ReplacesControlCharacters) {
  EXPECT_EQ(escape_html(std::string_view("a\0b\x1b", 4)), "a\uFFFDb\uFFFD");
}

TEST(LinkUrl, EncodesWhatUrlsTakeForThemselves) {
  EXPECT_EQ(link_url("my film #1? 100%.mp4"), "my%20film%20%231%3F%20100%25.mp4");
  EXPECT_EQ(link_url("a/b_0001.png"), "a/b_0001.png");
}

TEST(LinkUrl, APathNeverBecomesAScheme) {
  EXPECT_EQ(link_url("javascript:alert(1)"), "./javascript:alert(1)");
  EXPECT_EQ(link_url("data:text/html,x"), "./data:text/html,x");
  EXPECT_EQ(link_url("take/1:2.mp4"), "take/1:2.mp4");
}

TEST(LinkUrl, PictureDataPassUnchanged) {
  EXPECT_EQ(link_url("data:image/png;base64,AA=="), "data:image/png;base64,AA==");
}

// The vectors of RFC 4648, section 10.
TEST(DataUri, EncodesBase64) {
  const auto encoded = [](std::string_view text) {
    return data_uri("text/plain", std::as_bytes(std::span(text.data(), text.size())));
  };
  EXPECT_EQ(encoded(""), "data:text/plain;base64,");
  EXPECT_EQ(encoded("f"), "data:text/plain;base64,Zg==");
  EXPECT_EQ(encoded("fo"), "data:text/plain;base64,Zm8=");
  EXPECT_EQ(encoded("foo"), "data:text/plain;base64,Zm9v");
  EXPECT_EQ(encoded("foobar"), "data:text/plain;base64,Zm9vYmFy");
}

TEST(Numbers, AreWrittenForReaders) {
  EXPECT_EQ(fixed(1.005, 1), "1.0");
  EXPECT_EQ(fixed(std::numeric_limits<double>::infinity(), 1), "∞");
  EXPECT_EQ(fixed(std::nan(""), 1), "–");
  EXPECT_EQ(percent(0.476), "48\u00A0%");
  EXPECT_EQ(number_text(-6.93), "-6.93");
  EXPECT_EQ(number_text(16), "16");
  EXPECT_EQ(grouped(1560), "1\u202F560");
  EXPECT_EQ(grouped(-1234567), "−1\u202F234\u202F567");
  EXPECT_EQ(grouped(12), "12");
}

TEST(Durations, ChangeTheirUnit) {
  EXPECT_EQ(duration(0.314), "0.31\u00A0s");
  EXPECT_EQ(duration(8.74), "8.7\u00A0s");
  EXPECT_EQ(duration(200.2), "3\u00A0min\u00A020\u00A0s");
  EXPECT_EQ(duration(7500), "2\u00A0h\u00A005\u00A0min");
  EXPECT_EQ(duration(-1), "–");
}

}  // namespace
}  // namespace tessera::cli::pages

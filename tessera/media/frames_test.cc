#include "tessera/media/frames.h"

#include <gtest/gtest.h>

#include "tessera/core/error.h"

namespace tessera::media {
namespace {

TEST(Frames, AccessorsReachTheBytesOfOneFrame) {
  Frames film = make_frames(2, 3, 4, 16);
  film.at(1, 2, 3, 0) = 7;
  EXPECT_EQ(film.rgb[2 * 36 - 3], 7);
  EXPECT_EQ(film.frame(1)[33], 7);
  EXPECT_EQ(frame_image(film, 1).at(2, 3, 0), 7);
}

TEST(Frames, AccessorsRefuseIndicesOutside) {
  Frames film = make_frames(2, 3, 4, 16);
  EXPECT_THROW(film.at(2, 0, 0, 0), InvalidArgument);
  EXPECT_THROW(film.at(0, -1, 0, 0), InvalidArgument);
  EXPECT_THROW(film.at(0, 0, 4, 0), InvalidArgument);
  EXPECT_THROW(film.at(0, 0, 0, 3), InvalidArgument);
  EXPECT_THROW(film.frame(2), InvalidArgument);
  EXPECT_THROW(make_image(2, 2, 1).at(0, 0, 1), InvalidArgument);
}

TEST(Frames, CheckNamesTheBytesThatAreMissing) {
  Frames film = make_frames(2, 3, 4, 16);
  film.rgb.pop_back();
  try {
    check_frames(film, "caller");
    FAIL();
  } catch (const InvalidArgument& error) {
    EXPECT_STREQ(error.what(), "[caller] a film of 2 x 3 x 4 x 3 has 72 bytes, got: 71");
  }
}

TEST(Frames, RefusesEmptyFilmsAndFalseRates) {
  EXPECT_THROW(make_frames(0, 3, 4, 16), InvalidArgument);
  EXPECT_THROW(make_frames(1, 3, -4, 16), InvalidArgument);
  EXPECT_THROW(make_frames(1, 3, 4, 0), InvalidArgument);
  EXPECT_THROW(make_frames(1, 3, 4, 1e9), InvalidArgument);
  EXPECT_THROW(make_image(1, 1, 5), InvalidArgument);
}

}  // namespace
}  // namespace tessera::media

#include "tessera/media/video_writer.h"

#include <string>

#include <gtest/gtest.h>

#include "tessera/core/error.h"
#include "tessera/core/file_io.h"
#include "tessera/core/random.h"
#include "tessera/media/ffmpeg.h"
#include "tessera/media/image_io.h"
#include "tessera/testing/temporary_folder.h"

namespace tessera::media {
namespace {

namespace fs = std::filesystem;

Frames noise(int num_frames, int height, int width) {
  Frames film = make_frames(num_frames, height, width, 16);
  Random random(11);
  for (auto& value : film.rgb) value = uint8_t(random.below(256));
  return film;
}

int count_entries(const fs::path& folder) {
  return int(std::distance(fs::directory_iterator(folder), {}));
}

template <typename Call>
std::string failure_of(const Call& call) {
  try {
    call();
    return "no failure";
  } catch (const Error& error) {
    return error.what();
  }
}

TEST(FilmKind, FollowsTheName) {
  EXPECT_EQ(film_kind("a.y4m"), FilmKind::kY4m);
  EXPECT_EQ(film_kind("a.MP4"), FilmKind::kMp4);
  EXPECT_EQ(film_kind("frames"), FilmKind::kPngFolder);
  EXPECT_EQ(film_kind("frames.v2/"), FilmKind::kPngFolder);
  const testing::TemporaryFolder folder;
  fs::create_directory(folder / "take.3");
  EXPECT_EQ(film_kind(folder / "take.3"), FilmKind::kPngFolder);
}

TEST(FilmKind, ListsWhatIsSupported) {
  EXPECT_EQ(failure_of([] { film_kind("cat.avi"); }),
            "cat.avi: a film can be .mp4, .y4m, or a folder of PNG frames (a name without "
            "extension, or one that ends in /), got: .avi");
  EXPECT_THROW(film_kind(""), InvalidArgument);
}

TEST(CheckFilmOutput, RefusesOddSidesForMp4Only) {
  EXPECT_THROW(check_film_output("a.mp4", {.height = 31, .width = 32}), InvalidArgument);
  EXPECT_NO_THROW(check_film_output("a.y4m", {.height = 31, .width = 33}));
  EXPECT_THROW(check_film_output("a.y4m", {.height = 0, .width = 33}), InvalidArgument);
  EXPECT_THROW(check_film_output("a", {.height = 8, .width = 8, .fps = -1}), InvalidArgument);
}

TEST(CheckFilmOutput, AgreesWithTheStatusOfTheModule) {
  const std::string failure =
      failure_of([] { check_film_output("a.mp4", {.height = 32, .width = 32}); });
  if (ffmpeg_status().can_write_mp4) {
    EXPECT_EQ(failure, "no failure");
    EXPECT_FALSE(ffmpeg_status().encoder.empty());
  } else {
    EXPECT_NE(failure.find(ffmpeg_status().reason), std::string::npos) << failure;
    EXPECT_NE(failure.find("what works: a .y4m film"), std::string::npos) << failure;
  }
}

TEST(RefuseExisting, LetsPassWhatIsNotThere) {
  const testing::TemporaryFolder folder;
  EXPECT_NO_THROW(refuse_existing(folder / "a.y4m", false));
  fs::create_directory(folder / "empty");
  EXPECT_NO_THROW(refuse_existing(folder / "empty", false));
}

TEST(RefuseExisting, NamesTheFileAndTheWayOut) {
  const testing::TemporaryFolder folder;
  write_file(folder / "a.y4m", "x");
  EXPECT_EQ(failure_of([&] { refuse_existing(folder / "a.y4m", false); }),
            (folder / "a.y4m").string() +
                ": exists already; choose another name, or --force to replace it");
  EXPECT_NO_THROW(refuse_existing(folder / "a.y4m", true));
}

TEST(RefuseExisting, NeverGivesUpAFolderOfOtherThings) {
  const testing::TemporaryFolder folder;
  write_film(folder / "film", noise(1, 4, 4));
  EXPECT_NO_THROW(refuse_existing(folder / "film", true));
  write_file(folder / "film" / "thesis.txt", "years of work");
  EXPECT_THROW(refuse_existing(folder / "film", true), IoError);
  EXPECT_THROW(write_film(folder / "film", noise(1, 4, 4)), IoError);
  EXPECT_TRUE(fs::exists(folder / "film" / "thesis.txt"));
  EXPECT_EQ(count_entries(folder.path()), 1);
}

TEST(PngFolder, HoldsTheFramesExactly) {
  const testing::TemporaryFolder folder;
  const Frames film = noise(3, 5, 7);
  write_film(folder / "film/", film);
  EXPECT_EQ(count_entries(folder / "film"), 3);
  EXPECT_EQ(read_png(folder / "film" / "frame_0002.png").data, frame_image(film, 2).data);
}

TEST(PngFolder, ReplacesAnOlderAndLongerFilm) {
  const testing::TemporaryFolder folder;
  write_film(folder / "film", noise(4, 5, 7));
  write_film(folder / "film", noise(2, 5, 7));
  EXPECT_EQ(count_entries(folder / "film"), 2);
  EXPECT_EQ(count_entries(folder.path()), 1);
}

TEST(PngFolder, NamesThePlaceThatWasAskedForWhenAFrameFails) {
  const testing::TemporaryFolder folder;
  const auto writer = make_video_writer(folder / "film", {.height = 4, .width = 4});
  for (const auto& entry : fs::directory_iterator(folder.path())) fs::remove_all(entry.path());
  EXPECT_EQ(failure_of([&] { writer->write(noise(1, 4, 4).rgb); }),
            (folder / "film" / "frame_0000.png").string() +
                ": cannot be written: No such file or directory");
}

class EveryKind : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    if (GetParam() == "a.mp4" && !ffmpeg_status().can_write_mp4) {
      GTEST_SKIP() << ffmpeg_status().reason;
    }
  }
};

TEST_P(EveryKind, LeavesNothingWhenItIsNotFinished) {
  const testing::TemporaryFolder folder;
  {
    const auto writer = make_video_writer(folder / GetParam(), {.height = 16, .width = 32});
    const std::vector<uint8_t> frame(16 * 32 * 3, 50);
    for (int i = 0; i < 3; ++i) writer->write(frame);
  }
  EXPECT_EQ(count_entries(folder.path()), 0);
}

TEST_P(EveryKind, KeepsTheOldFilmUntilTheNewOneIsComplete) {
  const testing::TemporaryFolder folder;
  const fs::path path = folder / GetParam();
  write_film(path, noise(1, 16, 32));
  const auto writer = make_video_writer(path, {.height = 16, .width = 32});
  writer->write(noise(1, 16, 32).rgb);
  EXPECT_TRUE(fs::exists(path));
  writer->finish();
  EXPECT_TRUE(fs::exists(path));
  EXPECT_EQ(count_entries(folder.path()), 1);
}

TEST_P(EveryKind, RefusesAFrameOfAnotherSizeAndAnEmptyFilm) {
  const testing::TemporaryFolder folder;
  const auto writer = make_video_writer(folder / GetParam(), {.height = 16, .width = 32});
  const std::vector<uint8_t> frame(16 * 31 * 3);
  EXPECT_THROW(writer->write(frame), InvalidArgument);
  EXPECT_THROW(writer->finish(), InvalidArgument);
}

TEST_P(EveryKind, NamesAFolderThatIsMissing) {
  const testing::TemporaryFolder folder;
  const fs::path path = folder / "nowhere" / GetParam();
  const std::string failure =
      failure_of([&] { make_video_writer(path, {.height = 16, .width = 32}); });
  EXPECT_EQ(failure, path.string() + ": cannot be written: No such file or directory");
}

INSTANTIATE_TEST_SUITE_P(Kinds, EveryKind, ::testing::Values("a", "a.y4m", "a.mp4"));

}  // namespace
}  // namespace tessera::media

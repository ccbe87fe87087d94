#include "tessera/segmentation/data/dataset.h"

#include <bit>
#include <cmath>
#include <fstream>

#include <gtest/gtest.h>

#include "tessera/core/error.h"
#include "tessera/core/file_io.h"
#include "tessera/core/random.h"
#include "tessera/media/image_io.h"
#include "tessera/media/label_image.h"
#include "tessera/testing/temporary_folder.h"

namespace tessera::segmentation {
namespace {

namespace fs = std::filesystem;

media::Image noise(int height, int width, uint64_t seed) {
  media::Image image = media::make_image(height, width, 3);
  Random random(seed);
  for (uint8_t& value : image.data) value = static_cast<uint8_t>(random.below(256));
  return image;
}

/// A grey picture of one white rectangle.
media::Image block(int height, int width, uint8_t value = 255) {
  media::Image mask = media::make_image(height, width, 1);
  for (int y = 1; y < height / 2; ++y) {
    for (int x = 1; x < width / 2; ++x) mask.data[static_cast<size_t>(y) * width + x] = value;
  }
  return mask;
}

void write_bytes(const fs::path& path, std::span<const std::byte> bytes) {
  std::ofstream file(path, std::ios::binary);
  file.write(reinterpret_cast<const char*>(bytes.data()),
             static_cast<std::streamsize>(bytes.size()));
}

/// A grey float TIFF of one strip, little endian.
std::vector<std::byte> float_tiff(int height, int width, std::span<const float> values) {
  std::vector<uint8_t> bytes = {'I', 'I', 42, 0, 8, 0, 0, 0};
  const auto put = [&bytes](uint32_t value, int count) {
    for (int i = 0; i < count; ++i) bytes.push_back(static_cast<uint8_t>(value >> 8 * i));
  };
  const std::vector<std::array<uint32_t, 3>> tags = {{256, 4, uint32_t(width)},
                                                     {257, 4, uint32_t(height)},
                                                     {258, 3, 32},
                                                     {259, 3, 1},
                                                     {262, 3, 1},
                                                     {273, 4, 8 + 2 + 12 * 10 + 4},
                                                     {277, 3, 1},
                                                     {278, 4, uint32_t(height)},
                                                     {279, 4, uint32_t(4 * values.size())},
                                                     {339, 3, 3}};
  put(static_cast<uint32_t>(tags.size()), 2);
  for (const auto& [tag, type, value] : tags) {
    put(tag, 2);
    put(type, 2);
    put(1, 4);
    put(value, 4);
  }
  put(0, 4);
  for (const float value : values) put(std::bit_cast<uint32_t>(value), 4);
  const auto raw = std::as_bytes(std::span(bytes));
  return {raw.begin(), raw.end()};
}

struct DataFolder : ::testing::Test {
  DataFolder() {
    fs::create_directory(images());
    fs::create_directory(masks());
  }
  fs::path images() const { return folder / "images"; }
  fs::path masks() const { return folder / "masks"; }

  void add_pair(const std::string& id, uint64_t seed = 0) {
    media::write_png(images() / (id + ".png"), noise(12, 16, seed + id[0]));
    media::write_png(masks() / (id + ".png"), block(12, 16));
  }

  DatasetSource source() const {
    DatasetSource source;
    source.images = images();
    source.masks = masks();
    return source;
  }

  /// The error's text; fails when there is none.
  std::string refusal(const DatasetSource& source) {
    try {
      open_dataset(source);
    } catch (const IoError& error) {
      return error.what();
    }
    ADD_FAILURE() << "no error";
    return {};
  }
  std::string refusal() { return refusal(source()); }

  testing::TemporaryFolder folder;
};

#define EXPECT_TEXT(text, part) EXPECT_NE((text).find(part), std::string::npos) << (text)

TEST_F(DataFolder, IsPairedByStemAndSorted) {
  add_pair("c");
  add_pair("a");
  media::write_png(images() / "B.PNG", noise(12, 16, 9));
  write_bytes(masks() / "B.JPeG", media::encode_jpeg(block(12, 16), 95));
  const Dataset dataset = open_dataset(source());
  ASSERT_EQ(dataset.size(), 3u);
  EXPECT_EQ(dataset.sample(0).id, "B");
  EXPECT_EQ(dataset.sample(1).id, "a");
  EXPECT_EQ(dataset.sample(2).id, "c");
  EXPECT_EQ(foreground_rule_name(dataset.foreground().rule), "above:127");
  EXPECT_EQ(dataset.digest(1), sha256_of_file(images() / "a.png"));
  EXPECT_EQ(dataset.indices(Split::kVal).size(), 1u);
  EXPECT_EQ(dataset.indices(Split::kTrain).size(), 2u);
  EXPECT_EQ(dataset.foreground_pixels(1), 5 * 7);
}

TEST_F(DataFolder, GivesTheSameSampleFromMemoryAndFromDisk) {
  add_pair("a");
  add_pair("b");
  DatasetSource small = source();
  small.memory_limit_bytes = 1;
  const Dataset kept = open_dataset(source()), reread = open_dataset(small);
  const auto a = kept.load(0), b = reread.load(0);
  EXPECT_EQ(kept.load(0), a);
  EXPECT_NE(reread.load(0), b);
  EXPECT_EQ(a->image.data, b->image.data);
  EXPECT_EQ(a->mask, b->mask);
  EXPECT_EQ(a->digest, b->digest);
  EXPECT_EQ(kept.content_digest(), reread.content_digest());
}

TEST_F(DataFolder, NoticesAFileThatChangedSinceItWasChecked) {
  add_pair("a");
  add_pair("b");
  DatasetSource small = source();
  small.memory_limit_bytes = 1;
  const Dataset dataset = open_dataset(small);
  media::write_png(images() / "a.png", noise(12, 16, 77));
  EXPECT_THROW(dataset.load(0), IoError);
  EXPECT_NO_THROW(dataset.load(1));
  media::write_png(masks() / "b.png", block(12, 16, 254));
  EXPECT_THROW(dataset.load(1), IoError);
}

TEST_F(DataFolder, ReadsNearBinaryMasksAbove127FromMemoryAndFromDisk) {
  add_pair("a");
  add_pair("b");
  media::Image noisy = block(12, 16);
  noisy.data[0] = 4;
  noisy.data[17] = 250;
  media::write_png(masks() / "a.png", noisy);
  DatasetSource small = source();
  small.memory_limit_bytes = 1;
  for (const Dataset& dataset : {open_dataset(source()), open_dataset(small)}) {
    EXPECT_EQ(dataset.load(0)->mask, dataset.load(1)->mask);
    EXPECT_EQ(dataset.load(0)->mask[0], 0);
    EXPECT_EQ(dataset.load(0)->mask[17], 1);
    EXPECT_EQ(dataset.foreground_pixels(0), 5 * 7);
  }
}

TEST_F(DataFolder, ListsAllFindingsAtOnce) {
  add_pair("a");
  add_pair("b");
  media::write_png(images() / "lonely.png", noise(8, 8, 1));
  media::write_png(masks() / "orphan.png", block(8, 8));
  media::write_png(images() / "sized.png", noise(8, 8, 1));
  media::write_png(masks() / "sized.png", block(8, 9));
  write_file(images() / "damaged.png", "not a picture");
  media::write_png(masks() / "damaged.png", block(8, 8));
  const std::string text = refusal();
  EXPECT_TEXT(text, "4 findings");
  EXPECT_TEXT(text, "lonely.png: an image must have a mask of the same stem, got: none");
  EXPECT_TEXT(text, "orphan.png: a mask must have an image of the same stem, got: none");
  EXPECT_TEXT(text, "masks/sized.png: a mask must have its image's size 8 x 8, got: 9 x 8");
  EXPECT_TEXT(text, "images/damaged.png: ");
  EXPECT_TRUE(text.starts_with(images().string()));
}

TEST_F(DataFolder, ShowsFiftyFindingsAndCountsTheOthers) {
  add_pair("a");
  for (int i = 0; i < 60; ++i) {
    std::ofstream(images() / concat("x", i, ".png")) << "never read";
  }
  const std::string text = refusal();
  EXPECT_TEXT(text, "60 findings");
  EXPECT_TEXT(text, "and 10 more");
}

TEST_F(DataFolder, RefusesEmptyAndMissingFolders) {
  EXPECT_TEXT(refusal(), "images: must hold .png, .jpg, .jpeg, .tif or .tiff files, got: an empty");
  write_file(images() / "notes.txt", "x");
  EXPECT_TEXT(refusal(), "got: 1 of other kinds");
  DatasetSource missing = source();
  missing.images = folder / "nowhere";
  EXPECT_TEXT(refusal(missing), "nowhere: must be a folder that can be read");
}

TEST_F(DataFolder, RefusesDamagedPngAndJpeg) {
  add_pair("a");
  add_pair("b");
  std::vector<std::byte> jpeg = media::encode_jpeg(noise(64, 64, 3));
  jpeg.resize(jpeg.size() / 3);
  write_bytes(images() / "cut.jpg", jpeg);
  media::write_png(masks() / "cut.png", block(64, 64));
  std::vector<std::byte> png = media::encode_png(noise(64, 64, 3));
  png[png.size() / 2] ^= std::byte{0x40};
  write_bytes(images() / "flipped.png", png);
  media::write_png(masks() / "flipped.png", block(64, 64));
  const std::string text = refusal();
  EXPECT_TEXT(text, "images/cut.jpg: ");
  EXPECT_TEXT(text, "images/flipped.png: ");
  EXPECT_TEXT(text, "2 findings");
}

TEST_F(DataFolder, RefusesColouredMasks) {
  add_pair("a");
  add_pair("b");
  media::write_png(masks() / "a.png", noise(12, 16, 1));
  EXPECT_TEXT(refusal(), "masks/a.png: ");
}

TEST_F(DataFolder, RefusesAPhotographAsMask) {
  add_pair("a");
  add_pair("b");
  media::Image grey = media::make_image(12, 16, 1);
  Random random(1);
  for (uint8_t& value : grey.data) value = static_cast<uint8_t>(random.below(256));
  media::write_png(masks() / "b.png", grey);
  EXPECT_TEXT(refusal(), "masks/b.png: a mask must be black and white or a label map, got: ");
}

TEST_F(DataFolder, RefusesMasksThatAskForDifferentRules) {
  add_pair("a");
  add_pair("b");
  media::write_png(masks() / "a.png", block(12, 16, 3));
  media::Image noisy = block(12, 16);
  noisy.data[0] = 4;
  media::write_png(masks() / "b.png", noisy);
  const std::string text = refusal();
  EXPECT_TEXT(text, "--foreground");
  EXPECT_TEXT(text, "1 label maps (nonzero), such as a (one value above 0, 3)");
  DatasetSource told = source();
  told.foreground = parse_foreground_rule("nonzero");
  EXPECT_EQ(open_dataset(told).foreground_pixels(1), 5 * 7 + 1);
}

TEST_F(DataFolder, RefusesTwoFilesOfOneStem) {
  add_pair("a");
  add_pair("b");
  write_bytes(images() / "a.jpg", media::encode_jpeg(noise(12, 16, 1)));
  media::write_png(masks() / "B.png", block(12, 16));
  const std::string text = refusal();
  EXPECT_TEXT(text, "images/a.png: a stem must name one file, got: a.jpg beside it");
  EXPECT_TEXT(text, "masks/b.png: a stem must name one file, got: B.png beside it");
}

TEST_F(DataFolder, RefusesNaN) {
  add_pair("a");
  add_pair("b");
  std::vector<float> values(12 * 16, 0.0F);
  values[20] = 1;
  fs::remove(masks() / "a.png");
  write_bytes(masks() / "a.tif", float_tiff(12, 16, values));
  DatasetSource told = source();
  told.foreground = parse_foreground_rule("nonzero");
  EXPECT_EQ(open_dataset(told).foreground_pixels(0), 1);
  values[30] = std::nanf("");
  write_bytes(masks() / "a.tif", float_tiff(12, 16, values));
  const std::string text = refusal();
  EXPECT_TEXT(text, "masks/a.tif: ");
  EXPECT_TEXT(text, "NaN");
}

TEST_F(DataFolder, TakesAnEmptyMaskAndWarnsWhenAllAre) {
  add_pair("a");
  add_pair("b");
  media::write_png(masks() / "a.png", media::make_image(12, 16, 1));
  const Dataset one = open_dataset(source());
  EXPECT_EQ(one.foreground_pixels(0), 0);
  EXPECT_TRUE(one.warnings().empty());
  media::write_png(masks() / "b.png", media::make_image(12, 16, 1));
  const Dataset none = open_dataset(source());
  ASSERT_EQ(none.warnings().size(), 1u);
  EXPECT_TEXT(none.warnings()[0], "no mask has any foreground");
}

TEST_F(DataFolder, WarnsOfOtherFilesAndSkipsHiddenOnes) {
  add_pair("a");
  add_pair("b");
  write_file(images() / "notes.txt", "x");
  write_file(images() / ".hidden.png", "x");
  const Dataset dataset = open_dataset(source());
  ASSERT_EQ(dataset.warnings().size(), 1u);
  EXPECT_TEXT(dataset.warnings()[0], "images: 1 ignored: notes.txt");
}

TEST_F(DataFolder, WarnsOfImagesOfTwelveAndOfSixteenBits) {
  add_pair("a");
  add_pair("b");
  std::vector<uint16_t> grey(12 * 16);
  for (size_t i = 0; i < grey.size(); ++i) grey[i] = static_cast<uint16_t>(20 * (i * 7 % 192));
  media::write_label_png(images() / "a.png", 12, 16, grey);
  EXPECT_TRUE(open_dataset(source()).warnings().empty());
  for (uint16_t& value : grey) value = static_cast<uint16_t>(16 * (value / 20 * 11 % 192 * 20));
  media::write_label_png(images() / "b.png", 12, 16, grey);
  const Dataset dataset = open_dataset(source());
  ASSERT_EQ(dataset.warnings().size(), 1u);
  EXPECT_TEXT(dataset.warnings()[0], "different ranges: a by 4095 b by 65535");
}

TEST_F(DataFolder, WarnsOfTheSamePictureOnBothSides) {
  add_pair("a");
  add_pair("b");
  media::Image brighter = noise(12, 16, 'b');
  for (uint8_t& value : brighter.data) value = static_cast<uint8_t>(value / 2 + 60);
  media::write_png(images() / "c.png", brighter);
  media::write_png(masks() / "c.png", block(12, 16));
  write_file(folder / "split.csv", "id,split\na,train\nb,train\nc,test\n");
  DatasetSource split = source();
  split.split_csv = folder / "split.csv";
  const Dataset dataset = open_dataset(split);
  ASSERT_EQ(dataset.warnings().size(), 1u);
  EXPECT_TEXT(dataset.warnings()[0], "b (train) and c (test) are nearly the same picture");
  write_file(folder / "split.csv", "id,split\na,test\nb,train\nc,train\n");
  EXPECT_TRUE(open_dataset(split).warnings().empty());
}

TEST_F(DataFolder, ReportsTheSplitFileWithTheRest) {
  add_pair("a");
  add_pair("b");
  media::write_png(images() / "lonely.png", noise(8, 8, 1));
  write_file(folder / "split.csv", "id,split\na,train\nb,exam\n");
  DatasetSource split = source();
  split.split_csv = folder / "split.csv";
  const std::string text = refusal(split);
  EXPECT_TEXT(text, "lonely.png");
  EXPECT_TEXT(text, "split.csv:3: the split must be train, val or test, got: exam");
}

TEST_F(DataFolder, DrawsGroupsAndWarnsWhereASplitFileTearsThem) {
  for (const char* id : {"a", "b", "c", "d"}) add_pair(id);
  write_file(folder / "groups.csv", "id,group\na,1\nb,1\nc,2\nd,2\n");
  write_file(folder / "split.csv", "id,split\na,train\nb,test\nc,val\nd,val\n");
  DatasetSource grouped = source();
  grouped.groups_csv = folder / "groups.csv";
  const Dataset drawn = open_dataset(grouped);
  EXPECT_EQ(drawn.split(0), drawn.split(1));
  EXPECT_EQ(drawn.split(2), drawn.split(3));
  EXPECT_NE(drawn.split(0), drawn.split(2));
  grouped.split_csv = folder / "split.csv";
  const Dataset torn = open_dataset(grouped);
  ASSERT_EQ(torn.warnings().size(), 1u);
  EXPECT_TEXT(torn.warnings()[0], "group 1 is in train and test");
}

TEST_F(DataFolder, NeedsTwoImagesToDrawVal) {
  add_pair("a");
  EXPECT_TEXT(refusal(), "at least two images to part into train and val, got: 1");
  DatasetSource whole = source();
  whole.whole_set = Split::kTest;
  EXPECT_EQ(open_dataset(whole).indices(Split::kTest).size(), 1u);
}

TEST_F(DataFolder, IsTheSameOnSeveralThreads) {
  for (const char* id : {"a", "b", "c", "d", "e"}) add_pair(id);
  const auto pool = make_thread_pool(3);
  EXPECT_EQ(open_dataset(source(), *pool).content_digest(),
            open_dataset(source()).content_digest());
}

TEST_F(DataFolder, IsListedWithoutMasksForPrediction) {
  add_pair("b");
  add_pair("a");
  const std::vector<Sample> both = list_images(images());
  ASSERT_EQ(both.size(), 2u);
  EXPECT_EQ(both[0].id, "a");
  EXPECT_TRUE(both[0].mask.empty());
  EXPECT_EQ(list_images(images() / "b.png").at(0).id, "b");
  EXPECT_THROW(list_images(folder / "none"), IoError);
  write_file(images() / "c.png", "x");
  EXPECT_THROW(check_images(list_images(images())), IoError);
  EXPECT_NO_THROW(check_images(both));
}

}  // namespace
}  // namespace tessera::segmentation

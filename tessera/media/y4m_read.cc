#include <algorithm>
#include <cmath>
#include <sstream>
#include <string>

#include "tessera/core/error.h"
#include "tessera/core/file_io.h"
#include "tessera/media/y4m.h"
#include "tessera/media/yuv.h"

namespace tessera::media {
namespace {

// The stream's one-line header, in tessera's terms.
struct StreamHeader {
  YuvFormat format;
  FrameRate rate;
  bool is_grey = false;
  bool is_full_range = false;
};

class Parser {
 public:
  Parser(std::span<const std::byte> bytes, std::string name)
      : text_(reinterpret_cast<const char*>(bytes.data()), bytes.size()), name_(std::move(name)) {}

  [[noreturn]] void fail(const std::string& rule) const {
    throw IoError(concat(name_, ": damaged .y4m: ", rule));
  }

  bool at_end() const { return position_ == text_.size(); }

  // The next line, without its end. A line that goes on for ever is damage.
  std::string line() {
    constexpr size_t kLongest = 4096;
    const std::string_view rest = text_.substr(position_, kLongest);
    const size_t end = rest.find('\n');
    if (end == rest.npos) fail(concat("a header line without end at byte ", position_));
    position_ += end + 1;
    return std::string(rest.substr(0, end));
  }

  std::vector<uint8_t> plane(size_t count) {
    if (count > text_.size() - position_) fail("the file is cut off within a frame");
    const auto* from = reinterpret_cast<const uint8_t*>(text_.data()) + position_;
    position_ += count;
    return {from, from + count};
  }

  StreamHeader header();

 private:
  int number(const std::string& text, int lowest, int highest) const;
  void parse_chroma(const std::string& value, StreamHeader* header) const;
  void parse_rate(const std::string& value, StreamHeader* header) const;
  void parse_extension(const std::string& value, StreamHeader* header) const;

  std::string_view text_;
  std::string name_;
  size_t position_ = 0;
};

int Parser::number(const std::string& text, int lowest, int highest) const {
  if (text.empty() || text.size() > 9 || text.find_first_not_of("0123456789") != text.npos ||
      std::stoi(text) < lowest || std::stoi(text) > highest) {
    fail(concat("a number from ", lowest, " to ", highest, " is expected, got: ", text));
  }
  return std::stoi(text);
}

void Parser::parse_chroma(const std::string& value, StreamHeader* header) const {
  YuvFormat& format = header->format;
  format.chroma = value == "444" || value == "mono" ? Chroma::k444 : Chroma::k420;
  header->is_grey = value == "mono";
  if (value == "420jpeg" || value == "420") {
    format.siting = ChromaSiting::kCentre;
  } else if (value == "420mpeg2") {
    format.siting = ChromaSiting::kLeft;
  } else if (value == "420paldv") {
    format.siting = ChromaSiting::kTopLeft;
  } else if (format.chroma == Chroma::k420) {
    throw IoError(concat(name_,
                         ": chroma must be 420jpeg, 420mpeg2, 420paldv, 420, 444 or mono, "
                         "got: ",
                         value));
  }
}

void Parser::parse_rate(const std::string& value, StreamHeader* header) const {
  const size_t colon = value.find(':');
  if (colon == value.npos) fail(concat("a frame rate is a fraction n:d, got: ", value));
  header->rate = {number(value.substr(0, colon), 0, 999'999'999),
                  number(value.substr(colon + 1), 0, 999'999'999)};
}

void Parser::parse_extension(const std::string& value, StreamHeader* header) const {
  if (value == "COLORRANGE=FULL") header->is_full_range = true;
  if (value == "TESSERA_MATRIX=BT709") header->format.matrix = YuvMatrix::kBt709;
}

StreamHeader Parser::header() {
  constexpr std::string_view kMagic = "YUV4MPEG2 ";
  if (text_.substr(0, kMagic.size()) != kMagic) {
    throw IoError(concat(name_, ": is not a .y4m file"));
  }
  StreamHeader header;
  header.format = {0, 0, Chroma::k420, YuvMatrix::kBt601, ChromaSiting::kCentre};
  std::istringstream fields(line().substr(kMagic.size()));
  for (std::string field; fields >> field;) {
    const std::string value = field.substr(1);
    switch (field[0]) {
      case 'W':
        header.format.width = number(value, 1, 65'535);
        break;
      case 'H':
        header.format.height = number(value, 1, 65'535);
        break;
      case 'F':
        parse_rate(value, &header);
        break;
      case 'C':
        parse_chroma(value, &header);
        break;
      case 'X':
        parse_extension(value, &header);
        break;
      case 'I':
        if (value != "p" && value != "?") {
          throw IoError(concat(name_, ": interlaced film is not supported, got: I", value));
        }
        break;
      default:
        break;  // A is the pixel aspect; unknown fields are to be skipped
    }
  }
  if (header.format.width == 0 || header.format.height == 0) fail("no width or height");
  return header;
}

// Brings full-range samples to the limited range that yuv_to_rgb takes.
void limit_range(YuvPlanes* planes) {
  for (uint8_t& y : planes->y) y = uint8_t(std::lround(16 + y * 219.0 / 255));
  for (auto* plane : {&planes->cb, &planes->cr}) {
    for (uint8_t& c : *plane) c = uint8_t(std::lround(128 + (c - 128) * 224.0 / 255));
  }
}

}  // namespace

FrameRate frame_rate(double fps) {
  TESSERA_CHECK(fps > 0 && fps <= 1000, "[frame_rate] fps must lie in (0, 1000], got: ", fps);
  if (std::abs(fps - std::round(fps)) < 1e-9) return {int(std::lround(fps)), 1};
  // 24000/1001 is often written as 23.976, so that much rounding is let through.
  const double ntsc = std::round(fps * 1001 / 1000) * 1000;
  if (ntsc > 0 && std::abs(fps * 1001 - ntsc) < 0.2) return {int(ntsc), 1001};
  return {std::max(1, int(std::lround(fps * 1000))), 1000};
}

Frames read_y4m(const std::filesystem::path& path, int64_t max_bytes) {
  const MappedFile file(path);
  return decode_y4m(file.bytes(), path.string(), max_bytes);
}

Frames decode_y4m(std::span<const std::byte> bytes, const std::string& name, int64_t max_bytes) {
  Parser parser(bytes, name);
  const StreamHeader header = parser.header();
  const YuvFormat& format = header.format;
  const size_t pixels = size_t(format.height) * format.width;
  const size_t chroma = size_t(format.chroma_height()) * format.chroma_width();

  Frames film;
  film.height = format.height;
  film.width = format.width;
  const bool has_rate = header.rate.numerator > 0 && header.rate.denominator > 0;
  if (has_rate) film.fps = double(header.rate.numerator) / header.rate.denominator;
  if (film.fps > 1000) parser.fail(concat("fps must lie in (0, 1000], got: ", film.fps));
  while (!parser.at_end()) {
    const std::string line = parser.line();
    if (line != "FRAME" && line.rfind("FRAME ", 0) != 0) {
      parser.fail(concat("FRAME is expected before frame ", film.num_frames));
    }
    YuvPlanes planes;
    planes.y = parser.plane(pixels);
    planes.cb = header.is_grey ? std::vector<uint8_t>(chroma, 128) : parser.plane(chroma);
    planes.cr = header.is_grey ? std::vector<uint8_t>(chroma, 128) : parser.plane(chroma);
    if (header.is_full_range) limit_range(&planes);
    if (int64_t(film.rgb.size() + film.frame_bytes()) > max_bytes) {
      throw IoError(concat(name, ": a film may have ", max_bytes, " bytes as RGB, it has more"));
    }
    film.rgb.resize(film.rgb.size() + film.frame_bytes());
    ++film.num_frames;
    yuv_to_rgb(planes, format, film.frame(film.num_frames - 1));
  }
  if (film.num_frames == 0) parser.fail("no frame");
  return film;
}

}  // namespace tessera::media

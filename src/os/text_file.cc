// SPDX-License-Identifier: Apache-2.0
// Files that people name: read whole, gzip or not, and written whole.
#include "os/text_file.h"

#include <fmt/format.h>
#include <zlib.h>

#include <array>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <limits>
#include <new>
#include <system_error>

namespace melon::os {
namespace {

constexpr std::string_view kGzipMagic = "\x1f\x8b";

tl::unexpected<Error> cannot(std::string_view act, const std::string& path,
                             const std::string& reason, bool absent) {
  return fail(absent ? Code::kNotFound : Code::kPermissionDenied,
              fmt::format("cannot {} '{}': {}", act, path, reason),
              "check the path and its permissions");
}

tl::unexpected<Error> too_large(const std::string& name, std::size_t at_most) {
  return fail(Code::kInvalidArgument, fmt::format("'{}' is larger than {} bytes", name, at_most),
              "split it, or check that it is the file you mean");
}

/// Whatever the path leads to: of a pipe or a device nobody knows the end.
Result<> read_stream(const std::string& path, std::istream& stream, std::size_t at_most,
                     std::string& text) {
  constexpr std::size_t kPiece = 1U << 20U;
  while (stream) {
    const std::size_t had = text.size();
    text.resize(had + kPiece);
    stream.read(text.data() + had, kPiece);
    text.resize(had + static_cast<std::size_t>(stream.gcount()));
    if (text.size() > at_most) return too_large(path, at_most);
    if (text.starts_with(kGzipMagic)) continue;
    if (const std::size_t zero = text.find('\0', had); zero != std::string::npos)
      return fail(Code::kInvalidArgument,
                  fmt::format("'{}' is no text: its byte {} is 0", path, zero + 1),
                  "name a file of text, packed by gzip or not");
  }
  if (stream.bad()) return cannot("read", path, "reading failed", false);
  return {};
}

/// inflateEnd() at the end of the scope.
class Inflater {
 public:
  explicit Inflater(std::string_view packed) {
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));
    stream_.avail_in = static_cast<uInt>(packed.size());
    ready_ = inflateInit2(&stream_, 16 + MAX_WBITS) == Z_OK;  // 16: a gzip header
  }
  ~Inflater() {
    if (ready_) inflateEnd(&stream_);
  }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  bool ready() const { return ready_; }
  bool is_empty() const { return stream_.avail_in == 0; }
  /// The next bytes; sets `status` to zlib's.
  std::string_view next(int& status) {
    stream_.next_out = reinterpret_cast<Bytef*>(chunk_.data());
    stream_.avail_out = static_cast<uInt>(chunk_.size());
    status = inflate(&stream_, Z_NO_FLUSH);
    return {chunk_.data(), chunk_.size() - stream_.avail_out};
  }
  /// gzip files may follow each other.
  bool restart() { return inflateReset(&stream_) == Z_OK; }

 private:
  z_stream stream_{};
  bool ready_ = false;
  std::array<char, 1U << 16U> chunk_{};
};

}  // namespace

Result<std::string> gunzip(const std::string& name, std::string_view packed, std::size_t at_most) {
  if (packed.size() > std::numeric_limits<uInt>::max()) return too_large(name, at_most);
  Inflater inflater(packed);
  std::string text;
  int status = Z_OK;
  while (inflater.ready()) {
    text += inflater.next(status);
    if (text.size() > at_most) return too_large(name, at_most);
    if (status == Z_STREAM_END && inflater.is_empty()) return text;
    if (status == Z_STREAM_END ? !inflater.restart() : status != Z_OK) break;
  }
  return fail(Code::kInvalidArgument, fmt::format("'{}' is gzip, but damaged or cut off", name),
              "fetch or pack it again");
}

Result<std::string> read_text_file(const std::string& path, std::size_t at_most) {
  std::error_code reason;
  const auto status = std::filesystem::status(path, reason);
  if (reason)
    return cannot("read", path, reason.message(), reason == std::errc::no_such_file_or_directory);
  if (std::filesystem::is_directory(status))
    return fail(Code::kInvalidArgument, fmt::format("'{}' is a folder", path), "name a file");
  if (std::filesystem::is_regular_file(status) &&
      std::filesystem::file_size(path, reason) > at_most)
    return too_large(path, at_most);
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  if (!file) return cannot("read", path, std::generic_category().message(errno), false);
  try {
    std::string text;
    MELON_RETURN_IF_ERROR(read_stream(path, file, at_most, text));
    if (!text.starts_with(kGzipMagic)) return text;
    return gunzip(path, text, at_most);
  } catch (const std::bad_alloc&) {
    return fail(Code::kResourceExhausted,
                fmt::format("'{}' is larger than the memory that may be used", path),
                "split it, or raise the limit of memory");
  }
}

Result<> write_text_file(const std::string& path, std::string_view text) {
  errno = 0;
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << text << std::flush;
  if (file) return {};
  return cannot("write", path,
                errno == 0 ? "writing failed" : std::generic_category().message(errno), false);
}

}  // namespace melon::os

// SPDX-License-Identifier: Apache-2.0
// Files that people name: plain, packed, damaged, absent.
#include "os/text_file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <thread>

namespace melon::os {
namespace {

/// "melon\n" twice, as `printf 'melon\n' | gzip -n` packs it, one after the other.
const std::string kPacked(
    "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\xcb\x4d\xcd\xc9\xcf\xe3\x02\x00\x8b\x2e\xaa\x7d\x06"
    "\x00\x00\x00",
    26);

class TextFile : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = "/tmp/melon-text-file-XXXXXX";
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::string folder_;
};

TEST_F(TextFile, ReadsWhatWasWritten) {
  const std::string path = folder_ + "/a.csv";
  ASSERT_TRUE(write_text_file(path, "a,b\n1,2\n"));
  EXPECT_EQ(read_text_file(path).value(), "a,b\n1,2\n");
  EXPECT_EQ(read_text_file(path, 3).error().code, Code::kInvalidArgument);
}

TEST_F(TextFile, UnpacksGzipAndSeveralAfterEachOther) {
  const std::string path = folder_ + "/a";
  ASSERT_TRUE(write_text_file(path, kPacked + kPacked));
  EXPECT_EQ(read_text_file(path).value(), "melon\nmelon\n");
  EXPECT_EQ(gunzip("a", kPacked, 3).error().code, Code::kInvalidArgument);
}

TEST_F(TextFile, SaysWhatIsWrong) {
  for (std::size_t length = 2; length < kPacked.size(); ++length)
    EXPECT_EQ(gunzip("a", kPacked.substr(0, length), 100).error().code, Code::kInvalidArgument);
  EXPECT_EQ(read_text_file(folder_ + "/b").error().code, Code::kNotFound);
  EXPECT_EQ(read_text_file(folder_).error().code, Code::kInvalidArgument);
  EXPECT_FALSE(write_text_file(folder_ + "/b/c", "x"));
}

TEST_F(TextFile, WhatHasNoEndIsNotReadToIt) {
  const auto zeros = read_text_file("/dev/zero");
  ASSERT_FALSE(zeros);
  EXPECT_EQ(zeros.error().message, "'/dev/zero' is no text: its byte 1 is 0");
  const auto noise = read_text_file("/dev/urandom", 1U << 22U);
  EXPECT_EQ(noise.error().code, Code::kInvalidArgument);
  const std::string pipe = folder_ + "/pipe";
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  std::signal(SIGPIPE, SIG_IGN);
  // Both ends here: a writer that never ends, but for the bound.
  std::thread writer([&pipe] {
    const std::string lines(1U << 16U, 'a');
    const int end = open(pipe.c_str(), O_WRONLY | O_CLOEXEC);
    while (write(end, lines.data(), lines.size()) > 0) {
    }
    close(end);
  });
  const auto endless = read_text_file(pipe, 1U << 22U);
  writer.join();
  ASSERT_FALSE(endless);
  EXPECT_EQ(endless.error().message, "'" + pipe + "' is larger than 4194304 bytes");
}

}  // namespace
}  // namespace melon::os

// SPDX-License-Identifier: Apache-2.0
// Finding programs, what their files say, and the environment they get.
#include "cli/program.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include "cli/elf_file.h"
#include "cli/log_reader.h"
#include "cli/output_log.h"

namespace melon::cli {
namespace {

using testing::ElementsAre;
using testing::UnorderedElementsAre;
namespace fs = std::filesystem;

class Files : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "/melon-cli-XXXXXX";
    folder_ = mkdtemp(pattern.data());
  }
  void TearDown() override { fs::remove_all(folder_); }

  std::string write(const std::string& name, const std::string& content, mode_t mode = 0755) {
    const std::string path = folder_ + "/" + name;
    std::ofstream(path, std::ios::binary) << content;
    chmod(path.c_str(), mode);
    return path;
  }
  std::string folder_;
};
using FindProgram = Files;
using ExamineProgram = Files;
using Log = Files;

TEST_F(FindProgram, SearchesThePathInOrderAndSkipsWhatCannotRun) {
  fs::create_directory(folder_ + "/a");
  fs::create_directory(folder_ + "/b");
  write("a/tool", "", 0644);
  const std::string good = write("b/tool", "");
  EXPECT_EQ(find_program("tool", folder_ + "/a:" + folder_ + "/b").value_or(""), good);
  EXPECT_EQ(find_program("tool", folder_ + "/a").error().code, Code::kFailedPrecondition);
  EXPECT_EQ(find_program("other", folder_ + "/a").error().code, Code::kNotFound);
  EXPECT_EQ(find_program("", folder_ + "/b").error().code, Code::kNotFound);
  EXPECT_EQ(find_program(folder_ + "/a", "").error().code, Code::kFailedPrecondition);
  EXPECT_EQ(find_program(folder_ + "/none", "").error().code, Code::kNotFound);
}

// The head of an ELF file with one PT_INTERP segment; class 1 is 32-bit, 2 is 64-bit.
std::string elf(int elf_class, unsigned machine, const std::string& interpreter) {
  std::string file(64 + 56, '\0');
  const auto put = [&file](std::size_t at, std::uint64_t value, std::size_t size) {
    for (std::size_t i = 0; i < size; ++i) file[at + i] = static_cast<char>(value >> (8 * i));
  };
  file.replace(0, 4,
               "\x7f"
               "ELF");
  put(4, static_cast<std::uint64_t>(elf_class), 1);
  put(18, machine, 2);
  put(32, 64, 8);  // program headers
  put(54, 56, 2);  // their size
  put(56, interpreter.empty() ? 0 : 1, 2);
  put(64, 3, 4);  // PT_INTERP
  put(64 + 8, file.size(), 8);
  put(64 + 32, interpreter.size() + 1, 8);
  return file + interpreter + '\0';
}

unsigned own_machine() {
  std::ifstream self("/proc/self/exe", std::ios::binary);
  self.seekg(18);
  return static_cast<unsigned>(self.get()) | static_cast<unsigned>(self.get()) << 8;
}

TEST_F(ExamineProgram, OnlyGlibcProgramsOfThisMachineTakeThePreload) {
  const std::string glibc = "/lib64/ld-linux-x86-64.so.2";
  const std::string good = write("good", elf(2, own_machine(), glibc));
  EXPECT_TRUE(examine_program(good, "").takes_preload);
  EXPECT_TRUE(examine_program(good, "").warnings.empty());

  for (const std::string& path :
       {write("old", elf(1, own_machine(), glibc)), write("alien", elf(2, 8, glibc)),
        write("musl", elf(2, own_machine(), "/lib/ld-musl-x86_64.so.1"))}) {
    const Program program = examine_program(path, "");
    EXPECT_FALSE(program.takes_preload) << path;
    EXPECT_EQ(program.warnings.size(), 1u) << path;
  }
}

TEST_F(ExamineProgram, StaticProgramsGetAWarning) {
  const Program program = examine_program(write("s", elf(2, own_machine(), "")), "");
  EXPECT_TRUE(program.takes_preload);
  EXPECT_EQ(program.warnings.size(), 1u);
}

TEST_F(ExamineProgram, ScriptsAreFollowedToTheirInterpreter) {
  const std::string musl = write("musl", elf(2, own_machine(), "/lib/ld-musl-x86_64.so.1"));
  const std::string script = write("script", "#!" + musl + " -x\n");
  const std::string twice = write("twice", "#!" + script + "\n");
  const std::string by_env = write("by-env", "#!/usr/bin/env -S A=1 musl\n");
  EXPECT_FALSE(examine_program(script, "").takes_preload);
  EXPECT_FALSE(examine_program(twice, "").takes_preload);
  EXPECT_FALSE(examine_program(by_env, folder_).takes_preload);
  EXPECT_EQ(examine_program(script, "").path, script);
}

TEST_F(ExamineProgram, ALoopOfScriptsEnds) {
  const std::string loop = write("loop", "#!" + folder_ + "/loop\n");
  EXPECT_TRUE(examine_program(loop, "").takes_preload);
}

TEST_F(ExamineProgram, GarbageIsLeftToTheKernel) {
  std::string broken = elf(2, own_machine(), "/lib64/ld-linux-x86-64.so.2");
  for (std::size_t size = 0; size < broken.size(); size += 7)
    EXPECT_TRUE(examine_program(write("cut", broken.substr(0, size)), "").takes_preload);
  for (std::size_t at = 32; at < 64 + 56; ++at) {
    std::string wild = broken;
    wild[at] = '\xff';
    write("wild", wild);
    (void)read_elf_file(folder_ + "/wild");
  }
  EXPECT_FALSE(read_elf_file(write("text", "hello")));
}

TEST(MergeEnvironment, JoinsListsAndReplacesTheRest) {
  const Variables grant = {
      {"LD_PRELOAD", "/m.so"}, {"MELON_GRANT", "/g"}, {"OPENCL_LAYERS", "/m.so"}};
  EXPECT_THAT(
      merge_environment({"A=1", "LD_PRELOAD=/x.so", "MELON_GRANT=/old", "OPENCL_LAYERS="}, grant,
                        true),
      ElementsAre("A=1", "LD_PRELOAD=/m.so:/x.so", "MELON_GRANT=/g", "OPENCL_LAYERS=/m.so"));
  EXPECT_THAT(merge_environment({}, grant, true),
              UnorderedElementsAre("LD_PRELOAD=/m.so", "MELON_GRANT=/g", "OPENCL_LAYERS=/m.so"));
}

TEST(MergeEnvironment, WithoutPreloadTheCallersOwnStays) {
  const Variables grant = {{"LD_PRELOAD", "/m.so"}, {"MELON_GRANT", "/g"}};
  EXPECT_THAT(merge_environment({"LD_PRELOAD=/x.so"}, grant, false),
              ElementsAre("LD_PRELOAD=/x.so", "MELON_GRANT=/g"));
}

std::string content(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST_F(Log, RotatesAndKeepsTheYoungestFiles) {
  auto log = OutputLog::open(folder_, {.file_bytes = 4, .files = 3});
  ASSERT_TRUE(log);
  log->append("0123456789abcdef");
  EXPECT_EQ(
      content(log_file(folder_, 2)) + content(log_file(folder_, 1)) + content(log_file(folder_, 0)),
      "456789abcdef");
  EXPECT_FALSE(std::filesystem::exists(log_file(folder_, 3)));
}

TEST_F(Log, IsReadOnceAndInOrderWhileItTurns) {
  constexpr int kLines = 4'000;
  LogReader reader(folder_);
  std::string seen;
  const auto take = [&seen](std::string_view piece) { seen += piece; };
  EXPECT_FALSE(reader.rest(take));
  std::atomic<int> read_lines{0};
  std::jthread writer([&] {
    auto log = OutputLog::open(folder_, {.file_bytes = 512, .files = 3});
    for (int i = 10'000; i < 10'000 + kLines; ++i) {
      log->append(fmt::format("{}\n", i));
      // At most one file ahead: two more would be thrown away unread.
      while (i - 10'000 - read_lines > 80) std::this_thread::yield();
    }
  });
  while (seen.size() < 6 * kLines) {
    ASSERT_TRUE(reader.rest(take) || seen.empty());
    read_lines = static_cast<int>(seen.size() / 6);
  }
  std::string expected;
  for (int i = 10'000; i < 10'000 + kLines; ++i) expected += fmt::format("{}\n", i);
  EXPECT_EQ(seen, expected);
}

TEST_F(Log, IsNotReadThroughLinksAndPipes) {
  const auto nothing = [](std::string_view) { FAIL(); };
  std::filesystem::create_symlink("/etc/passwd", log_file(folder_, 0));
  EXPECT_FALSE(LogReader(folder_).rest(nothing));
  std::filesystem::remove(log_file(folder_, 0));
  ASSERT_EQ(mkfifo(log_file(folder_, 0).c_str(), 0600), 0);
  EXPECT_FALSE(LogReader(folder_).rest(nothing));
}

TEST_F(Log, GoesOnWhereItWas) {
  { OutputLog::open(folder_, {})->append("one "); }
  { OutputLog::open(folder_, {})->append("two"); }
  EXPECT_EQ(content(folder_ + "/output.log"), "one two");
  struct stat status {};
  ASSERT_EQ(stat((folder_ + "/output.log").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
}

TEST_F(Log, AFolderThatIsGoneIsAnError) {
  EXPECT_EQ(OutputLog::open(folder_ + "/none", {}).error().code, Code::kInternal);
}

}  // namespace
}  // namespace melon::cli

// SPDX-License-Identifier: Apache-2.0
// Log lines are JSON whatever is in them, and only as many as the level lets through.
#include "telemetry/log.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include <nlohmann/json.hpp>
#include <sstream>
#include <thread>

namespace melon::telemetry {
namespace {

using Json = nlohmann::json;

class LogTest : public testing::Test {
 protected:
  LogTest() { testing::internal::CaptureStderr(); }
  ~LogTest() override { set_level(Level::kInfo); }

  static std::vector<Json> lines() {
    std::istringstream text(testing::internal::GetCapturedStderr());
    std::vector<Json> parsed;
    for (std::string line; std::getline(text, line);) parsed.push_back(Json::parse(line));
    return parsed;
  }
};

TEST_F(LogTest, ALineCarriesTimeLevelMessageAndFields) {
  const std::string name = "web-1";
  info("grant {} %v \"running\"\n",
       {{"grant", name}, {"pid", 7}, {"share", 0.25}, {"detached", true}, {"bad", "\xff"}});
  const auto all = lines();
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0]["level"], "info");
  EXPECT_EQ(all[0]["message"], "grant {} %v \"running\"\n");
  EXPECT_EQ(all[0]["grant"], "web-1");
  EXPECT_EQ(all[0]["pid"], 7);
  EXPECT_EQ(all[0]["share"], 0.25);
  EXPECT_EQ(all[0]["detached"], true);
  EXPECT_THAT(all[0]["time"].get<std::string>(),
              testing::ContainsRegex("^20[0-9-]*T[0-9:]*\\.[0-9]*Z$"));
}

TEST_F(LogTest, TheLevelDecidesWhatIsWritten) {
  for (const char* const name : {"debug", "info", "warn", "error", "off"}) {
    set_level(*parse_level(name));
    debug("d");
    info("i");
    warn("w");
    error("e");
  }
  EXPECT_EQ(lines().size(), 4u + 3u + 2u + 1u);
  EXPECT_EQ(parse_level("loud").error().code, Code::kInvalidArgument);
}

TEST_F(LogTest, AnErrorBringsItsRemedy) {
  error(Error{Code::kUnavailable, "disk full", "free space"});
  const auto all = lines();
  EXPECT_EQ(all[0]["message"], "disk full");
  EXPECT_EQ(all[0]["remedy"], "free space");
  EXPECT_EQ(all[0]["code"], 14);
}

TEST_F(LogTest, LinesOfManyThreadsStayWhole) {
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([] {
      for (int n = 0; n < 500; ++n) info("a line that must stay whole", {{"n", n}});
    });
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(lines().size(), 2000u);
}

TEST(Log, AFullStderrLosesLinesAndNothingElse) {
  const int kept = ::dup(STDERR_FILENO);
  const int full = ::open("/dev/full", O_WRONLY);
  ::dup2(full, STDERR_FILENO);
  for (int i = 0; i < 100; ++i) warn("nobody hears this");
  ::dup2(kept, STDERR_FILENO);
  ::close(full);
  ::close(kept);
  SUCCEED();  // it came back without an exception
}

}  // namespace
}  // namespace melon::telemetry

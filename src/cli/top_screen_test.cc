// SPDX-License-Identifier: Apache-2.0
// The live screen as text, and doctor's local findings.
#include "cli/top_screen.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>

#include "cli/api.h"
#include "cli/local_findings.h"
#include "cli/table.h"

namespace melon::cli {
namespace {

Json device(int index) {
  return {{"id", "opencl-" + std::to_string(index)},
          {"memory_mib", 8000},
          {"free_memory_mib", 6000},
          {"used_memory_mib", nullptr},
          {"utilization_permille", 312}};
}

Json grant(const std::string& name, int used_mib, int used_permille) {
  return {{"name", name},
          {"id", "g-" + name},
          {"state", "running"},
          {"owner", "alice"},
          {"slices",
           {{{"device", "opencl-0"},
             {"memory_mib", 1024},
             {"compute_permille", 250},
             {"share", "hard"},
             {"weight", 100},
             {"used_memory_mib", used_mib},
             {"used_compute_permille", used_permille}}}}};
}

std::vector<std::string> names(const std::vector<std::string>& screen) {
  std::vector<std::string> found;
  for (const std::string& line : screen)
    if (line.find("running") != std::string::npos) found.push_back(line.substr(0, line.find(' ')));
  return found;
}

struct Size {
  std::size_t width;
  std::size_t height;
};
class TopScreen : public testing::TestWithParam<Size> {};
TEST_P(TopScreen, NeverLeavesTheTerminalsBounds) {
  Json devices = Json::array();
  Json grants = Json::array();
  for (int i = 0; i < 20; ++i) devices.push_back(device(i));
  for (int i = 0; i < 60; ++i)
    grants.push_back(grant("a-rather-long-name-" + std::to_string(i), i, i));
  TopHistory history;
  for (int i = 0; i < 200; ++i) history.add(devices, grants);
  const TopView view{.width = GetParam().width, .height = GetParam().height};
  const auto screen = top_screen(devices, grants, history, view);
  EXPECT_LE(screen.size(), view.height);
  for (const std::string& line : screen) EXPECT_LE(display_width(line), view.width) << line;
}
INSTANTIATE_TEST_SUITE_P(Sizes, TopScreen,
                         testing::Values(Size{80, 24}, Size{200, 60}, Size{80, 10}, Size{132, 24}));

TEST(TopScreen, ANoticeStandsInPlaceOfTheKeys) {
  const auto last = [](const TopView& view) {
    return top_screen(Json::array(), Json::array(), {}, view).back();
  };
  EXPECT_TRUE(last({}).starts_with("q quit"));
  EXPECT_TRUE(last({.notice = "the daemon has gone"}).starts_with("the daemon has gone "));
}

TEST(TopScreen, ShowsUsedAndAskedAt80x24) {
  TopHistory history;
  const Json devices = Json::array({device(0)});
  const Json grants = Json::array({grant("web-1", 512, 240)});
  history.add(devices, grants);
  const auto screen = top_screen(devices, grants, history, {});
  std::string text;
  for (const std::string& line : screen) text += line + "\n";
  for (const char* const part :
       {"opencl-0", "-/8000M", "31.2%", "web-1", "512M/1024M", "24%/25%", "▂"})
    EXPECT_NE(text.find(part), std::string::npos) << part << "\n" << text;
}

TEST(TopScreen, SortsAndFiltersByKeys) {
  const Json grants = Json::array({grant("a", 10, 300), grant("b", 30, 100), grant("c", 20, 200)});
  TopView view;
  const auto order = [&] { return names(top_screen(Json::array(), grants, {}, view)); };
  EXPECT_EQ(order(), (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_TRUE(press('s', view));
  EXPECT_EQ(order(), (std::vector<std::string>{"b", "c", "a"}));
  EXPECT_TRUE(press('s', view));
  EXPECT_EQ(order(), (std::vector<std::string>{"a", "c", "b"}));
  for (const char key : std::string("/x\x7f"
                                    "c"))
    EXPECT_TRUE(press(key, view));
  EXPECT_EQ(view.filter, "c");
  EXPECT_TRUE(press('q', view)) << "typed into the filter";
  EXPECT_TRUE(press(0x1b, view));
  EXPECT_EQ(view.filter, "");
  EXPECT_FALSE(press('q', view));
}

TEST(TopHistory, ForgetsWhatIsGone) {
  TopHistory history;
  history.add(Json::array({device(0)}), Json::array({grant("a", 1, 5)}));
  EXPECT_EQ(history.of("grant/g-a").size(), 1u);
  history.add(Json::array({device(0)}), Json::array());
  EXPECT_TRUE(history.of("grant/g-a").empty());
  EXPECT_EQ(history.of("device/opencl-0").size(), 2u);
}

TEST(LocalFindings, NothingWhenAllIsWell) {
  EXPECT_TRUE(
      local_findings({.opencl_loader = "libOpenCL.so.1", .opencl_drivers = {"a.icd"}}).empty());
}

TEST(LocalFindings, EveryCodeThatDoctorLooksForHasItsCause) {
  std::set<std::string> codes;
  using enum SocketState;
  for (const SocketState state : {kAbsent, kDenied, kDead, kSilent, kAnswers}) {
    Surroundings facts{.socket = "/s", .socket_state = state == kAnswers ? kSilent : state};
    facts.listener_stopped = state == kAnswers;
    facts.driver_variable = state == SocketState::kDead ? "/nowhere" : "";
    facts.own_version = "1";
    facts.daemon_version = "2";
    for (const core::Finding& finding : local_findings(facts)) {
      EXPECT_EQ(finding.remedy.find('{'), std::string::npos) << finding.remedy;
      codes.insert(finding.code);
    }
  }
  for (const core::FindingKind& kind : core::kFindings)
    EXPECT_EQ(codes.contains(std::string(kind.code)), kind.finder == core::Finder::kDoctor)
        << kind.code;
}

TEST(Api, RefusalsNameDeviceRuleAndWhatFits) {
  const auto error = to_json({.status = 409, .body = R"({"error":{"code":"does_not_fit",
    "message":"no device fits","remedy":"","refusal":{"rejections":[
      {"device":"d0","rule":"memory","message":"too much"},{"device":null,"rule":"count","message":"few"}],
    "memory_that_fits_mib":6000,"compute_that_fits_permille":755,"can_ever_fit":false}}})"});
  ASSERT_FALSE(error);
  EXPECT_EQ(error.error().code, Code::kResourceExhausted);
  for (const char* const part : {"d0 (memory): too much", "any device (count): few",
                                 "--memory 6000MiB", "--compute 75.5%", "would not fit"})
    EXPECT_NE(error.error().message.find(part), std::string::npos) << error.error().message;
}

TEST(Api, ADaemonThatIsBusyIsNoAbsentDaemon) {
  const auto error = to_json(
      {.status = 503, .body = R"({"error":{"code":"unavailable","message":"m","remedy":""}})"});
  EXPECT_NE(error.error().code, Code::kUnavailable);
}

}  // namespace
}  // namespace melon::cli

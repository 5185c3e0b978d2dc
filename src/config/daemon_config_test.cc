// SPDX-License-Identifier: Apache-2.0
// The daemon's configuration: every key, every refusal, and whose limits are whose.
#include "config/daemon_config.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>

#include "config/keys.h"

namespace melon::config {
namespace {

std::optional<std::uint32_t> find_alice(const std::string& name) {
  return name == "alice" ? std::optional<std::uint32_t>(1000) : std::nullopt;
}

Result<DaemonConfig> parse(std::string_view text) {
  return parse_daemon_config("melon.yaml", text, find_alice);
}

constexpr std::string_view kFull = R"(
state_folder: /var/lib/melon
socket: /run/melon.sock
metrics_address: 127.0.0.1:9400
lock_folder: /run/lock/melon
vendors_folder: /etc/melon/vendors
overcommit_memory: 150%
overcommit_compute: 200%
keep: 5m
sampling_interval: 250ms
log_level: debug
ignored_devices: [opencl-1, "0000:01:00.0"]
limits: {memory: 16GiB, compute: 150%, grants: 8, priority: normal, weight: 500, age: 1d, idle: 1h}
users:
  alice:
    memory: 64GiB
    priority: high
  "1001":
    grants: 0
)";

TEST(DaemonConfig, ReadsEveryKey) {
  const auto config = parse(kFull);
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->state_folder, "/var/lib/melon");
  EXPECT_EQ(config->socket, "/run/melon.sock");
  EXPECT_EQ(config->metrics_address, "127.0.0.1:9400");
  EXPECT_EQ(config->lock_folder, "/run/lock/melon");
  EXPECT_EQ(config->vendors_folder, "/etc/melon/vendors");
  EXPECT_EQ(config->overcommit_memory, Permille(1500));
  EXPECT_EQ(config->overcommit_compute, Permille(2000));
  EXPECT_EQ(config->keep, std::chrono::minutes(5));
  EXPECT_EQ(config->sampling_interval, std::chrono::milliseconds(250));
  EXPECT_EQ(config->log_level, telemetry::Level::kDebug);
  EXPECT_EQ(config->ignored_devices, (std::vector<std::string>{"opencl-1", "0000:01:00.0"}));
  EXPECT_EQ(config->limits.compute, Permille(1500));
  EXPECT_EQ(config->limits.weight, 500);
  EXPECT_EQ(config->limits.age, std::chrono::hours(24));
}

TEST(DaemonConfig, EveryKeyOfTheTableIsRead) {
  // The text above must grow with the table: each key writes something else than its default.
  const auto config = parse(kFull);
  ASSERT_TRUE(config);
  for (const auto& key : daemon_keys()) EXPECT_NE(key.write(*config), key.write({})) << key.name;
  for (const auto& key : limit_keys()) EXPECT_NE(key.write(config->limits), "") << key.name;
}

TEST(DaemonConfig, LimitsAreTheUsersOwnElseEverybodys) {
  const auto config = parse(kFull);
  ASSERT_TRUE(config);
  EXPECT_EQ(config->limits_of(1000).memory, MiB(64 * 1024));
  EXPECT_EQ(config->limits_of(1000).priority, core::Priority::kHigh);
  EXPECT_EQ(config->limits_of(1000).grants, 8);
  EXPECT_EQ(config->limits_of(1001).grants, 0);
  EXPECT_EQ(config->limits_of(1002), config->limits);
  EXPECT_EQ(config->limits_of(0), UserLimits{}) << "root is not bound";
}

TEST(DaemonConfig, NothingIsTheDefault) {
  for (const std::string_view text : {"", "{}", "# nothing\n", "limits:\nusers:\n"}) {
    const auto config = parse(text);
    ASSERT_TRUE(config) << text;
    EXPECT_EQ(*config, DaemonConfig{}) << text;
  }
}

TEST(DaemonConfig, RefusesWithPlaceAndRemedy) {
  struct Case {
    std::string_view text;
    std::string_view start;
  };
  constexpr Case kCases[] = {
      {"sockett: /x", "melon.yaml:1: 'sockett' is no key"},
      {"\n\nsocket: relative", "melon.yaml:3: socket: path 'relative'"},
      {"socket:", "melon.yaml:1: 'socket' has no value"},
      {"socket: [a]", "melon.yaml:1: socket: 'socket' needs one value"},
      {"overcommit_memory: 50%", "melon.yaml:1: overcommit_memory: overcommit '50%': below"},
      {"overcommit_memory: 2", "melon.yaml:1: overcommit_memory: overcommit '2': a plain number"},
      {"keep: 10", "melon.yaml:1: keep: duration '10'"},
      {"keep: 1500ms", "melon.yaml:1: keep: duration '1500ms': finer"},
      {"sampling_interval: 5s", "melon.yaml:1: sampling_interval: interval '5s'"},
      {"log_level: trace", "melon.yaml:1: log_level: log level 'trace'"},
      {"ignored_devices: a", "melon.yaml:1: ignored_devices: 'ignored_devices' needs a list"},
      {"ignored_devices: [{a: b}]", "melon.yaml:1: ignored_devices: a device"},
      {"limits: 5", "melon.yaml:1: 'limits' is no mapping"},
      {"limits:\n  memory: 25%", "melon.yaml:2: memory: memory '25%'"},
      {"limits: {weight: 0}", "melon.yaml:1: weight: number '0'"},
      {"limits: {grants: -1}", "melon.yaml:1: grants: number '-1'"},
      {"limits: {grants: 1x}", "melon.yaml:1: grants: number '1x'"},
      {"limits: {priority: top}", "melon.yaml:1: priority: priority 'top'"},
      {"limits: {socket: /x}", "melon.yaml:1: 'socket' is no key"},
      {"users: [alice]", "melon.yaml:1: 'users' is no mapping"},
      {"users: {bob: {grants: 1}}", "melon.yaml:1: there is no user 'bob'"},
      {"users: {alice: {}, 1000: {}}", "melon.yaml:1: user '1000' (1000) is given twice"},
      {"- a", "melon.yaml:1: the configuration is no mapping"},
  };
  for (const Case& one : kCases) {
    const auto config = parse(one.text);
    ASSERT_FALSE(config) << one.text;
    EXPECT_EQ(config.error().code, Code::kInvalidArgument);
    EXPECT_TRUE(config.error().message.starts_with(one.start)) << config.error().message;
    EXPECT_FALSE(config.error().remedy.empty()) << one.text;
  }
}

TEST(LoadDaemonConfig, ReadsFilesAndSaysWhyNot) {
  EXPECT_EQ(load_daemon_config("/nonexistent/melon.yaml").error().code, Code::kNotFound);
  EXPECT_EQ(load_daemon_config("/").error().code, Code::kInvalidArgument);
  const std::string path = ::testing::TempDir() + "/melon_config_test.yaml";
  std::ofstream(path) << "users: {root: {grants: 1}}\nkeep: 2m\n";
  const auto config = load_daemon_config(path);
  std::remove(path.c_str());
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->keep, std::chrono::minutes(2));
  EXPECT_TRUE(config->users.contains(0));
}

TEST(ReferencePage, NamesEveryKey) {
  const std::string page = reference_page();
  for (const auto& key : daemon_keys())
    EXPECT_NE(page.find("| `" + std::string(key.name) + "` |"), std::string::npos) << key.name;
}

}  // namespace
}  // namespace melon::config

// SPDX-License-Identifier: Apache-2.0
// Remedies are lines for the shell of whoever asks.
#include "agent/findings.h"

#include <gtest/gtest.h>

namespace melon::agent {
namespace {

constexpr const char* kRestart = "melon down --socket /s && melon up --detach --socket /s";

/// What a daemon of root knows, or one of a user.
Circumstances troubles(bool of_root, Asker asker) {
  core::Device held{.id = "d0", .health = core::Health::kHeld};
  core::Device refused{.id = "d1", .health = core::Health::kHeld};
  core::Device bare{.id = "d2", .enforcement = core::Enforcement::kNone};
  return {.devices = {held, refused, bare},
          .preload_library = "/libmelon.so",
          .broken_ledgers = {{"hers", "garbage"}, {"mine", "garbage"}},
          .unsaved_changes = 1,
          .state_folder = "/var/lib/melon",
          .clock_behind_ms = 3'600'000,
          .is_root = of_root,
          .asker = asker,
          .others_grants =
              asker == Asker::kOther ? std::set<std::string>{"hers"} : std::set<std::string>{},
          .held_by = {{"d0", of_root ? "kill 7" : "sudo kill 7"}},
          .lock_remedies = {{"d1", of_root ? "rm -f /l" : "sudo rm -f /l"}},
          .config_file = "/etc/melon.yaml",
          .restart_command = kRestart};
}

/// By code; of several the last.
std::map<std::string, std::string> remedies(const Circumstances& facts) {
  std::map<std::string, std::string> found;
  for (const core::Finding& finding : findings_of(facts)) found[finding.code] = finding.remedy;
  return found;
}

TEST(Findings, ARootDaemonsRemediesGetSudoForOthers) {
  auto remedy = remedies(troubles(true, Asker::kOther));
  const std::string restart = std::string("sudo sh -c '") + kRestart + "'";
  EXPECT_EQ(remedy["clock_behind"], "sudo timedatectl set-ntp true && " + restart);
  EXPECT_TRUE(remedy["device_held"].starts_with("sudo kill 7  #")) << remedy["device_held"];
  EXPECT_EQ(remedy["device_lock_refused"], "sudo rm -f /l");
  EXPECT_TRUE(remedy["device_unenforced"].starts_with("sudo sh -c 'mkdir -p"))
      << remedy["device_unenforced"];
  EXPECT_TRUE(remedy["state_not_saved"].starts_with("sudo find "));
  EXPECT_TRUE(remedy["ledger_broken"].starts_with("melon stop mine"));
  Circumstances facts = troubles(true, Asker::kOther);
  facts.broken_ledgers.pop_back();
  EXPECT_TRUE(remedies(facts)["ledger_broken"].starts_with("sudo melon stop hers"));
}

TEST(Findings, RootNeedsNoSudo) {
  for (const bool of_root : {true, false})
    for (const auto& [code, remedy] : remedies(troubles(of_root, Asker::kRoot))) {
      if (code == "user_daemon") continue;  // it changes to the service manager's
      EXPECT_EQ(remedy.find("sudo"), std::string::npos) << remedy;
    }
}

TEST(Findings, AUsersDaemonTellsItsUserWhatNeedsRoot) {
  auto remedy = remedies(troubles(false, Asker::kDaemonUser));
  EXPECT_EQ(remedy["clock_behind"], std::string("sudo timedatectl set-ntp true && ") + kRestart);
  EXPECT_TRUE(remedy["device_held"].starts_with("sudo kill 7"));
  EXPECT_EQ(remedy["device_lock_refused"], "sudo rm -f /l");
  EXPECT_TRUE(remedy["device_unenforced"].starts_with("mkdir -p"));
  EXPECT_TRUE(remedy["state_not_saved"].starts_with("find "));
}

}  // namespace
}  // namespace melon::agent

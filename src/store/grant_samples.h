// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "store/store.h"

namespace melon::store {

/// A grant with every field away from its default, distinct for each number.
inline core::Grant full_grant(int number) {
  core::Grant grant;
  grant.id = "g-" + std::to_string(100000 + number);
  grant.name = "web-" + std::to_string(number);
  grant.owner = 4'000'000'000U;
  grant.request = {.memory = MemoryAmount{MiB(512 + number), Permille(250)},
                   .compute = Permille(125),
                   .share = core::ShareMode::kBurst,
                   .weight = 7,
                   .max_compute = Permille(500),
                   .priority = core::Priority::kHigh,
                   .count = 2,
                   .device = "opencl-1",
                   .type = "Tesla'; DROP TABLE grants; --",
                   .unenforced = true};
  grant.slices = {{"opencl-0", MiB(10), Permille(20), Permille(30)},
                  {"opencl-1", MiB(number), Permille(1), Permille(1000)}};
  grant.state = core::State::kFailed;
  grant.arguments = {"hashcat", "", "-m 0\n", std::string("\xff\x00z", 3), "\xe2\x82\xac"};
  grant.waiter = core::ProcessId{99, 98'000'000'000};
  grant.processes = {{1234, 567'890'123'456}, {5, 6}};
  grant.created_unix_ms = 1'700'000'000'000 + number;
  grant.created_boot_ms = 77'000 + number;
  grant.boot_id = "3f2a9c1e";
  grant.end_number = 3 + number;
  grant.ended_unix_ms = 1'700'000'000'001 + number;
  grant.exit_code = 137;
  grant.reason = "killed";
  grant.keep_seconds = 61;
  grant.wait_until_unix_ms = 5;
  return grant;
}

/// A folder of its own for one test, removed with it.
class TestFolder {
 public:
  TestFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "melon-store-XXXXXX").string();
    path_ = ::mkdtemp(name.data());
  }
  ~TestFolder() { std::filesystem::remove_all(path_); }
  std::string operator/(const std::string& name) const { return (path_ / name).string(); }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace melon::store

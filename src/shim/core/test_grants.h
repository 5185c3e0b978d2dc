// SPDX-License-Identifier: Apache-2.0
#pragma once

// Test support: the files of grants on one device, as the daemon would make them.

#include <unistd.h>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <system_error>
#include <vector>

#include "shim/abi/files.h"
#include "shim/abi/ledger.h"
#include "shim/abi/publish.h"
#include "shim/core/attach.h"

namespace melon::shim {

constexpr char kTestKey[] = "opencl:Simulated|Device|0";

/// The limits of one grant on the test's device.
struct TestLimits {
  abi::Share share = abi::Share::kHard;
  unsigned compute_permille = 1000;  // hard: the cap; burst: the guarantee
  unsigned ceiling_permille = 1000;
  unsigned weight = 100;
  abi::Priority priority = abi::Priority::kNormal;
  std::uint64_t memory_bytes = std::uint64_t{1} << 30;
  bool suspended = false;
};

/// A state folder with grants that share one device. Removed at the end.
class TestGrants {
 public:
  TestGrants() {
    std::string name = (std::filesystem::temp_directory_path() / "melon-core-XXXXXX").string();
    root_ = mkdtemp(name.data());
    std::filesystem::create_directories(root_ / "arena" / "0");
    write_index();
  }
  ~TestGrants() {
    std::error_code ignored;
    std::filesystem::remove_all(root_, ignored);
  }

  /// Makes or replaces nothing that exists: a new grant, listed in the arena.
  void add(const std::string& id, const TestLimits& limits) {
    limits_[id] = limits;
    std::filesystem::create_directories(folder(id));
    const abi::FileOwner owner{getuid(), getgid()};
    must(abi::create_policy((folder(id) / "policy").c_str(), policy_of(id)));
    must(abi::create_ledger((folder(id) / "ledger").c_str(), id.c_str(), owner));
    must(abi::create_arena_page(page(id).c_str(), owner));
    publish_index();
  }

  /// A live change, as `melon set` causes it.
  void set(const std::string& id, const TestLimits& limits) {
    limits_[id] = limits;
    abi::Region region;
    must(abi::open_region((folder(id) / "policy").c_str(), sizeof(abi::PolicyFile),
                          abi::Access::kReadWrite, region));
    abi::publish(*static_cast<abi::PolicyFile*>(region.address), policy_of(id));
    abi::close_region(region);
    publish_index();
  }

  std::filesystem::path folder(const std::string& id) const { return root_ / "grants" / id; }
  std::filesystem::path page(const std::string& id) const { return root_ / "arena" / "0" / id; }
  std::filesystem::path root() const { return root_; }

  Tenant* open(const std::string& id, const Clock& clock = real_clock()) const {
    return Tenant::open(folder(id).c_str(), clock);
  }

 private:
  static void must(int error) {
    if (error != 0) throw std::system_error(error, std::generic_category(), "a grant's files");
  }

  abi::Policy policy_of(const std::string& id) const {
    const TestLimits& limits = limits_.at(id);
    abi::Policy policy{};
    std::strncpy(policy.grant, id.c_str(), sizeof(policy.grant) - 1);
    policy.device_count = 1;
    policy.suspended = limits.suspended ? 1 : 0;
    abi::DevicePolicy& device = policy.devices[0];
    std::strncpy(device.key, kTestKey, sizeof(device.key) - 1);
    std::strncpy(device.arena, "0", sizeof(device.arena) - 1);
    device.memory_granules = limits.memory_bytes / abi::kGranule;
    device.guarantee_permille = limits.compute_permille;
    device.ceiling_permille = limits.ceiling_permille;
    device.weight = limits.weight;
    device.share = limits.share;
    device.priority = limits.priority;
    return policy;
  }

  abi::ArenaIndex index() const {
    abi::ArenaIndex index{};
    for (const auto& [id, limits] : limits_) {
      abi::ArenaTenant& tenant = index.tenants[index.count++];
      std::strncpy(tenant.grant, id.c_str(), sizeof(tenant.grant) - 1);
      tenant.weight = limits.weight;
      tenant.share = limits.share;
      tenant.priority = limits.priority;
      tenant.guarantee_permille = limits.compute_permille;
    }
    return index;
  }

  void write_index() {
    must(abi::create_arena_index((root_ / "arena" / "0" / "index").c_str(), index()));
  }

  void publish_index() {
    abi::Region region;
    must(abi::open_region((root_ / "arena" / "0" / "index").c_str(), sizeof(abi::ArenaIndexFile),
                          abi::Access::kReadWrite, region));
    abi::publish(*static_cast<abi::ArenaIndexFile*>(region.address), index());
    abi::close_region(region);
  }

  std::filesystem::path root_;
  std::map<std::string, TestLimits> limits_;
};

}  // namespace melon::shim

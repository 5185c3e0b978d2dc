// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "agent/claims.h"
#include "agent/ledger_sample.h"
#include "core/device.h"
#include "core/grant.h"

namespace melon::agent {

/// One grant's pages at one moment, beside what is known of its use.
struct ClaimsSeen {
  const core::Grant& grant;
  std::vector<const core::Device*> devices;  // of its slices; null: gone
  std::vector<PageSample> pages;             // of its slices
  const LedgerSample& ledger;
  std::vector<core::ProcessId> processes;  // that live inside
  bool all_known = false;                  // there are no others: their processor time is all of it
};

/// Who claims what on which device, and whose claims cannot be true.
///
/// The library bounds what a forged page can take from others; it cannot know what its rivals
/// really use. The daemon can: on a CPU device it has the kernel's word for it, elsewhere the
/// ledger's. Whose claims it finds false is left out of that device's index, so that nobody waits
/// for them, for a minute after the last false one.
/// Not thread-safe: owned by the server's thread.
class ClaimWatch {
 public:
  /// Takes in one grant's look. Reads /proc of those that claim a CPU device.
  void see(const ClaimsSeen& seen, std::int64_t now_ns);
  /// Judges all that was seen since the last time. The grants that are left out of a device from
  /// now on, or no longer.
  std::set<std::string> judge(std::int64_t now_ns);
  void forget(const std::string& grant_id);

  bool is_left_out(const std::string& grant_id, const std::string& device_id) const;
  /// Why it is left out; empty: it is not.
  std::string reason(const std::string& grant_id) const;
  /// True while something it says is to be followed closely.
  bool claims(const std::string& grant_id, std::int64_t now_ns) const;

 private:
  struct OfDevice {
    std::string device;
    bool seen = false;  // since the last judge()
    ClaimLook look;
    ClaimRecord record;
    std::optional<std::int64_t> left_out_until_ns;
    std::string reason;
  };
  struct OfGrant {
    core::ShareMode share = core::ShareMode::kWeighted;
    core::Priority priority = core::Priority::kNormal;
    std::vector<OfDevice> devices;
    std::map<core::ProcessId, std::uint64_t> counted;  // clock ticks of those that live
    std::uint64_t processor_ns = 0;                    // of all that were counted
  };

  static void count_processor_time(OfGrant& of, const std::vector<core::ProcessId>& processes);
  bool judge(const std::string& grant_id, OfGrant& of, OfDevice& on, std::int64_t now_ns) const;
  std::vector<Claimant> others(const std::string& grant_id, const std::string& device_id) const;

  std::map<std::string, OfGrant> grants_;  // by id
};

}  // namespace melon::agent

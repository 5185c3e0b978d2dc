// SPDX-License-Identifier: Apache-2.0
// melon-shim-fixture: makes a grant's files by hand, for tests that run without a daemon.

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "shim/abi/files.h"
#include "shim/abi/ledger.h"
#include "shim/abi/publish.h"

namespace {

namespace fs = std::filesystem;
using namespace melon::abi;

constexpr char kUsage[] =
    "melon-shim-fixture create|set|report --root DIR --grant ID [options]\n"
    "  --key KEY            a device (repeatable); default opencl:Melon Simulated OpenCL|"
    "Melon simulated device|0\n"
    "  --memory BYTES       limit on each device (default 1 GiB)\n"
    "  --compute PERMILLE   hard: the cap, burst: the guarantee (default 1000)\n"
    "  --ceiling PERMILLE   --share hard|weighted|burst   --weight N   --priority low|normal|high\n"
    "  --suspended 0|1      --uid UID: owner of the ledger\n"
    "report prints one line for each device: used_bytes refusals launches consumed_ns flags\n";

struct Options {
  std::string verb;
  std::map<std::string, std::string> values;
  std::vector<std::string> keys;

  std::string text(const std::string& name, const std::string& fallback) const {
    const auto found = values.find(name);
    return found != values.end() ? found->second : fallback;
  }
  std::uint64_t number(const std::string& name, std::uint64_t fallback) const {
    const auto found = values.find(name);
    return found != values.end() ? std::strtoull(found->second.c_str(), nullptr, 10) : fallback;
  }
};

template <std::size_t kBytes>
void copy_text(char (&out)[kBytes], const std::string& text) {
  std::snprintf(out, kBytes, "%s", text.c_str());
}

Share share_of(const std::string& text) {
  return text == "weighted" ? Share::kWeighted : text == "burst" ? Share::kBurst : Share::kHard;
}

Priority priority_of(const std::string& text) {
  return text == "low" ? Priority::kLow : text == "high" ? Priority::kHigh : Priority::kNormal;
}

Policy policy_of(const Options& options) {
  Policy policy{};
  copy_text(policy.grant, options.text("grant", ""));
  policy.suspended = static_cast<std::uint32_t>(options.number("suspended", 0));
  for (const std::string& key : options.keys) {
    DevicePolicy& device = policy.devices[policy.device_count];
    copy_text(device.key, key);
    copy_text(device.arena, fmt::format("{}", policy.device_count));
    device.memory_granules = options.number("memory", std::uint64_t{1} << 30) / kGranule;
    device.guarantee_permille = static_cast<std::uint32_t>(options.number("compute", 1000));
    device.ceiling_permille = static_cast<std::uint32_t>(options.number("ceiling", 1000));
    device.weight = static_cast<std::uint32_t>(options.number("weight", 100));
    device.share = share_of(options.text("share", "hard"));
    device.priority = priority_of(options.text("priority", "normal"));
    ++policy.device_count;
  }
  return policy;
}

// Maps a file that is read-only for tenants. The daemon keeps its mappings from their creation;
// a fixture that is no root has to make its own file writable for the moment.
int open_own(const fs::path& path, std::uint64_t bytes, Region& region) {
  chmod(path.c_str(), 0644);
  const int error = open_region(path.c_str(), bytes, Access::kReadWrite, region);
  chmod(path.c_str(), 0444);
  return error;
}

// Lists the grant in a device's index, making the index if need be.
int list_in_arena(const fs::path& arena, const DevicePolicy& device, const std::string& grant,
                  FileOwner owner) {
  fs::create_directories(arena);
  const fs::path path = arena / "index";
  if (!fs::exists(path))
    if (const int error = create_arena_index(path.c_str(), ArenaIndex{}); error != 0) return error;
  Region region;
  if (const int error = open_own(path, sizeof(ArenaIndexFile), region); error != 0) return error;
  auto& file = *static_cast<ArenaIndexFile*>(region.address);
  ArenaIndex index{};
  read_published(file, index);
  std::uint32_t at = 0;
  while (at < index.count && grant != index.tenants[at].grant) ++at;
  if (at == index.count) ++index.count;
  ArenaTenant& tenant = index.tenants[at];
  copy_text(tenant.grant, grant);
  tenant.weight = device.weight;
  tenant.share = device.share;
  tenant.priority = device.priority;
  tenant.guarantee_permille = device.guarantee_permille;
  publish(file, index);
  close_region(region);
  const fs::path page = arena / grant;
  return fs::exists(page) ? 0 : create_arena_page(page.c_str(), owner);
}

int write_grant(const Options& options) {
  const fs::path root = options.text("root", "");
  const std::string grant = options.text("grant", "");
  const fs::path folder = root / "grants" / grant;
  const FileOwner owner{static_cast<std::uint32_t>(options.number("uid", getuid())), getgid()};
  const Policy policy = policy_of(options);
  fs::create_directories(folder);
  for (std::uint32_t i = 0; i < policy.device_count; ++i)
    if (const int error = list_in_arena(root / "arena" / policy.devices[i].arena, policy.devices[i],
                                        grant, owner);
        error != 0)
      return error;
  if (options.verb == "create") {
    if (const int error = create_policy((folder / "policy").c_str(), policy); error != 0)
      return error;
    return create_ledger((folder / "ledger").c_str(), grant.c_str(), owner);
  }
  Region region;
  const int error = open_own(folder / "policy", sizeof(PolicyFile), region);
  if (error != 0) return error;
  publish(*static_cast<PolicyFile*>(region.address), policy);
  close_region(region);
  return 0;
}

int report(const Options& options) {
  const fs::path folder = fs::path(options.text("root", "")) / "grants" / options.text("grant", "");
  Region region;
  const int error =
      open_region((folder / "ledger").c_str(), sizeof(LedgerFile), Access::kReadWrite, region);
  if (error != 0) return error;
  auto& ledger = *static_cast<LedgerFile*>(region.address);
  reap_dead(ledger, region.fd);
  std::uint64_t flags = ledger.flags.load();
  for (const ProcessSlot& slot : ledger.slots) flags |= slot.flags.load();
  for (unsigned i = 0; i < options.keys.size(); ++i) {
    const DeviceAccount& device = ledger.devices[i];
    fmt::print("{} {} {} {} {}\n", used_granules(ledger, i) * kGranule, device.refusals.load(),
               device.launches.load(), device.consumed_ns.load(), flags);
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  if (argc >= 2) options.verb = argv[1];
  for (int i = 2; i + 1 < argc; i += 2) {
    const std::string_view name = argv[i];
    if (name == "--key")
      options.keys.emplace_back(argv[i + 1]);
    else if (name.starts_with("--"))
      options.values[std::string(name.substr(2))] = argv[i + 1];
  }
  if (options.keys.empty())
    options.keys.emplace_back("opencl:Melon Simulated OpenCL|Melon simulated device|0");
  const bool known = options.verb == "create" || options.verb == "set" || options.verb == "report";
  if (!known || !options.values.contains("root") || !options.values.contains("grant")) {
    fmt::print(stderr, "{}", kUsage);
    return 2;
  }
  const int error = options.verb == "report" ? report(options) : write_grant(options);
  if (error != 0) fmt::print(stderr, "melon-shim-fixture: {}\n", std::strerror(error));
  return error == 0 ? 0 : 1;
}

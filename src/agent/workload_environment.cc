// SPDX-License-Identifier: Apache-2.0
// What a program needs to run inside a grant: variables and mounts.
#include <map>

#include "agent/workloads.h"
#include "vendors/variables.h"

namespace melon::agent {

using core::Grant;

std::map<std::string, std::string> Workloads::visibility(const Grant& grant,
                                                         const std::string& preload_library) const {
  std::map<std::string, vendors::Variables> of_vendor;
  for (const core::Slice& slice : grant.slices) {
    const core::Device* const device = book_.find_device(slice.device);
    if (device == nullptr) continue;
    vendors::Variables& variables = of_vendor[device->vendor];
    variables.library = preload_library;
    variables.grant_folder = parts_.folder.grant_folder(grant.id).string();
    variables.device_ids.push_back(device->native_id.empty() ? std::to_string(device->index)
                                                             : device->native_id);
    variables.device_indices.push_back(device->index);
    variables.memory_mib.push_back(std::to_string(slice.memory.count()));
  }
  std::map<std::string, std::string> all;
  for (const auto& [id, variables] : of_vendor)
    if (const vendors::Descriptor* const vendor = vendors::find(parts_.vendors, id))
      if (auto environment = vendors::environment_of(*vendor, variables))
        all.merge(std::move(*environment));
  return all;
}

GrantEnvironment Workloads::environment(const Grant& grant,
                                        const std::string& preload_library) const {
  const std::string folder = parts_.folder.grant_folder(grant.id).string();
  GrantEnvironment out;
  out.variables.emplace_back(abi::kGrantVariable, folder);
  out.mounts.push_back({folder, folder, true});
  out.mounts.push_back({folder + "/ledger", folder + "/ledger", false});
  for (const core::Slice& slice : grant.slices) {
    const core::Device* const device = book_.find_device(slice.device);
    if (device == nullptr) continue;
    const std::string arena = parts_.folder.device_folder(*device).string();
    out.mounts.push_back({arena, arena, true});
    out.mounts.push_back({arena + "/" + grant.id, arena + "/" + grant.id, false});
  }
  for (const auto& [name, value] : visibility(grant, preload_library))
    out.variables.emplace_back(name, value);
  if (preload_library.empty()) return out;
  out.variables.emplace_back("LD_PRELOAD", preload_library);
  out.variables.emplace_back("OPENCL_LAYERS", preload_library);
  // gcc's AddressSanitizer ends a program that any library is preloaded into, unless told not to.
  out.variables.emplace_back("ASAN_OPTIONS", "verify_asan_link_order=0");
  out.mounts.push_back({preload_library, preload_library, true});
  return out;
}

}  // namespace melon::agent

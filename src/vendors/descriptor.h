// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "core/device.h"

namespace melon::vendors {

/// How devices of a vendor are found. Each value is one discovery in devlib.
enum class Discovery { kOpencl, kNvml };

/// What sort of device it is, in the classes of OpenCL.
enum class Kind { kCpu, kGpu, kAccelerator };

/// The names by which a cluster's resource lists ask for this vendor's devices. Empty: not offered.
struct ResourceNames {
  std::string count = {};
  std::string memory = {};             // MiB
  std::string memory_percentage = {};  // of a device
  std::string compute = {};            // percent of a device
  std::string priority = {};

  bool operator==(const ResourceNames&) const = default;
};

/// A vendor, as data. Read from YAML by the config module; nothing else in the source says what is
/// particular to one vendor.
struct Descriptor {
  std::string id = {};     // "nvidia": what people type; [a-z0-9-]
  std::string title = {};  // "NVIDIA GPUs"
  Discovery discovery = Discovery::kOpencl;
  std::vector<std::string> libraries = {};  // what discovery loads: the first that is there
  std::vector<Kind> kinds = {};             // which of the devices found are taken
  core::Enforcement enforcement = core::Enforcement::kNone;
  /// Patterns (* and ?) of file names. A process that has one of them mapped is on a device of this
  /// vendor, whoever started it.
  std::vector<std::string> process_libraries = {};
  std::vector<std::string> device_nodes = {};           // patterns of paths below /dev
  std::map<std::string, std::string> environment = {};  // for a grant's processes; variables.h
  ResourceNames resources = {};
  std::map<std::string, std::string> resource_aliases = {};  // historic name -> current name
  std::string source = {};                                   // the file that said so

  bool operator==(const Descriptor&) const = default;
};

std::string_view to_text(Discovery value);
std::string_view to_text(Kind value);
/// Errors: kInvalidArgument naming the accepted words.
Result<Discovery> parse_discovery(std::string_view text);
Result<Kind> parse_kind(std::string_view text);

/// A rule that a set of descriptors breaks.
struct Violation {
  std::size_t descriptor = 0;  // position in the set
  std::string field = {};      // as in YAML: "resources.memory"
  std::string message = {};
  std::string remedy = {};
};

/// Checks each descriptor and the set: ids and resource names are unique over all of them, aliases
/// lead to current names of the same vendor, templates use known variables, an enforced vendor can
/// be recognised in a process. Empty: all is well.
std::vector<Violation> check(std::span<const Descriptor> descriptors);

/// The descriptor of this id, or null.
const Descriptor* find(std::span<const Descriptor> descriptors, std::string_view id);

/// True when the path of a mapped file is one of the vendor's process libraries.
bool is_process_library(const Descriptor& descriptor, std::string_view path);

/// Shell-like match of a whole text: * is any run of characters, ? any one.
bool matches_pattern(std::string_view pattern, std::string_view text);

}  // namespace melon::vendors

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "vendors/descriptor.h"

namespace melon::vendors {

/// Position of a backend in a catalogue.
using BackendId = std::uint16_t;

/// What a resource name of a cluster means.
struct ResourceMeaning {
  BackendId backend = 0;
  Resource resource = Resource::kCount;
  std::int64_t unit_mib = 0;  // of the name, for memory
  bool is_alias = false;
};

/// All backends of a set of descriptors, with the meaning of every resource name. Expects a set
/// that check() passed, of at most 65535 backends. Immutable, hence thread-safe.
class Catalogue {
 public:
  explicit Catalogue(std::span<const Descriptor> descriptors);

  std::span<const Backend> backends() const { return backends_; }
  const Backend& backend(BackendId id) const { return backends_[id]; }
  /// The backend of this word, if there is one.
  std::optional<BackendId> find(std::string_view word) const;
  std::optional<ResourceMeaning> meaning(std::string_view resource_name) const;
  /// The historic names of a resource.
  std::vector<const Alias*> aliases(BackendId id, Resource resource) const;

 private:
  std::vector<Backend> backends_;
  std::map<std::string, ResourceMeaning, std::less<>> meanings_;
};

}  // namespace melon::vendors

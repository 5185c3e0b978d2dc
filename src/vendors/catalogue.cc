// SPDX-License-Identifier: Apache-2.0
// Looks up backends by word and resource names by meaning.
#include "vendors/catalogue.h"

namespace melon::vendors {

Catalogue::Catalogue(std::span<const Descriptor> descriptors) {
  for (const Descriptor& descriptor : descriptors)
    backends_.insert(backends_.end(), descriptor.backends.begin(), descriptor.backends.end());
  for (std::size_t i = 0; i < backends_.size(); ++i) {
    const Backend& backend = backends_[i];
    const auto id = static_cast<BackendId>(i);
    for (const auto& known : Words<Resource>::kAll) {
      const std::string& name = backend.resources.of(known.first);
      if (!name.empty())
        meanings_[name] = {
            .backend = id, .resource = known.first, .unit_mib = backend.memory.unit_mib};
    }
    for (const Alias& alias : backend.aliases)
      meanings_[alias.name] = {
          .backend = id,
          .resource = alias.stands_for,
          .unit_mib = alias.unit_mib == 0 ? backend.memory.unit_mib : alias.unit_mib,
          .is_alias = true};
  }
}

std::optional<BackendId> Catalogue::find(std::string_view word) const {
  for (std::size_t i = 0; i < backends_.size(); ++i)
    if (backends_[i].word == word) return static_cast<BackendId>(i);
  return std::nullopt;
}

std::optional<ResourceMeaning> Catalogue::meaning(std::string_view resource_name) const {
  const auto found = meanings_.find(resource_name);
  return found == meanings_.end() ? std::nullopt : std::optional(found->second);
}

std::vector<const Alias*> Catalogue::aliases(BackendId id, Resource resource) const {
  std::vector<const Alias*> found;
  for (const Alias& alias : backends_[id].aliases)
    if (alias.stands_for == resource) found.push_back(&alias);
  return found;
}

const NodeSettings* Backend::settings_of(const std::string& node) const {
  const NodeSettings* of_others = nullptr;
  for (const NodeSettings& settings : nodes) {
    if (settings.node == node) return &settings;
    if (settings.node.empty()) of_others = &settings;
  }
  return of_others;
}

}  // namespace melon::vendors

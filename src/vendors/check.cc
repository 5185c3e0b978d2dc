// SPDX-License-Identifier: Apache-2.0
// The rules that a set of descriptors keeps.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "vendors/descriptor.h"
#include "vendors/variables.h"

namespace melon::vendors {
namespace {

bool is_id(std::string_view id) {
  return !id.empty() && id.size() <= 32 && id.front() != '-' && id.back() != '-' &&
         std::ranges::all_of(id, [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
         });
}

bool is_variable_name(std::string_view name) {
  const auto is_letter = [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
  };
  return !name.empty() && is_letter(name.front()) &&
         std::ranges::all_of(name, [&](char c) { return is_letter(c) || (c >= '0' && c <= '9'); });
}

/// A Kubernetes extended resource: "domain/name".
bool is_resource_name(std::string_view name) {
  const auto slash = name.find('/');
  const auto is_part = [](std::string_view part) {
    return !part.empty() && part.size() <= 63 && std::ranges::all_of(part, [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
             c == '-' || c == '.' || c == '_';
    });
  };
  return slash != std::string_view::npos && is_part(name.substr(0, slash)) &&
         is_part(name.substr(slash + 1));
}

using NamedResource = std::pair<std::string_view, const std::string*>;

std::vector<NamedResource> resources_of(const Descriptor& descriptor) {
  const ResourceNames& names = descriptor.resources;
  std::vector<NamedResource> all = {{"resources.count", &names.count},
                                    {"resources.memory", &names.memory},
                                    {"resources.memory_percentage", &names.memory_percentage},
                                    {"resources.compute", &names.compute},
                                    {"resources.priority", &names.priority}};
  std::erase_if(all, [](const NamedResource& resource) { return resource.second->empty(); });
  return all;
}

/// Collects what is wrong with a set, descriptor by descriptor.
class Checker {
 public:
  explicit Checker(std::span<const Descriptor> descriptors) : descriptors_(descriptors) {}

  std::vector<Violation> run() {
    for (at_ = 0; at_ < descriptors_.size(); ++at_) {
      const Descriptor& descriptor = descriptors_[at_];
      check_identity(descriptor);
      check_recognition(descriptor);
      check_environment(descriptor);
      check_resources(descriptor);
      check_aliases(descriptor);
    }
    return std::move(violations_);
  }

 private:
  void violate(std::string field, std::string message, std::string remedy) {
    violations_.push_back({at_, std::move(field), std::move(message), std::move(remedy)});
  }

  void check_identity(const Descriptor& descriptor) {
    if (!is_id(descriptor.id))
      violate("id", fmt::format("id '{}' is not 1 to 32 of a-z, 0-9 and '-'", descriptor.id),
              "choose a short lower-case word such as nvidia");
    const auto first = std::ranges::find(descriptors_, descriptor.id, &Descriptor::id);
    if (first - descriptors_.begin() < std::ptrdiff_t(at_))
      violate("id", fmt::format("id '{}' is already that of {}", descriptor.id, first->source),
              "give each vendor an id of its own");
    if (descriptor.title.empty()) violate("title", "title is empty", "say what people call it");
  }

  void check_recognition(const Descriptor& descriptor) {
    if (descriptor.libraries.empty())
      violate("libraries", "discovery has no library to load",
              "name at least one, such as libX.so.1");
    if (descriptor.kinds.empty())
      violate("kinds", "no kind of device is taken", "name at least one of cpu, gpu, accelerator");
    if (descriptor.enforcement == core::Enforcement::kShim && descriptor.process_libraries.empty())
      violate("process_libraries",
              "limits are enforced, but no process on the device could be recognised",
              "name the driver's libraries that such a process maps");
    for (const std::string& pattern : descriptor.process_libraries)
      if (pattern.find_first_not_of("*?") == std::string::npos ||
          pattern.find('/') != std::string::npos)
        violate("process_libraries",
                fmt::format("pattern '{}' is not part of one file name", pattern),
                "write a file name with * and ?, without folders");
    for (const std::string& pattern : descriptor.device_nodes)
      if (!pattern.starts_with("/dev/"))
        violate("device_nodes", fmt::format("'{}' is not below /dev", pattern),
                "write the whole path, with * and ?");
  }

  void check_environment(const Descriptor& descriptor) {
    for (const auto& [name, text] : descriptor.environment) {
      const std::string field = "environment." + name;
      if (!is_variable_name(name))
        violate(field, fmt::format("'{}' is no name of an environment variable", name),
                "use letters, digits and _");
      if (auto expanded = expand(text, {}); !expanded)
        violate(field, expanded.error().message, expanded.error().remedy);
    }
  }

  void check_resources(const Descriptor& descriptor) {
    for (const auto& [field, name] : resources_of(descriptor)) {
      if (!is_resource_name(*name))
        violate(std::string(field), fmt::format("'{}' is no resource name", *name),
                "write domain/name, such as acme.com/card");
      claim(std::string(field), *name);
    }
  }

  void check_aliases(const Descriptor& descriptor) {
    const auto current = resources_of(descriptor);
    for (const auto& entry : descriptor.resource_aliases) {
      const auto& alias = entry.first;
      const auto& target = entry.second;
      const std::string field = "resource_aliases." + alias;
      if (!is_resource_name(alias))
        violate(field, fmt::format("'{}' is no resource name", alias),
                "write domain/name, such as acme.com/card");
      if (std::ranges::none_of(current,
                               [&](const NamedResource& r) { return *r.second == target; }))
        violate(
            field,
            fmt::format("'{}' stands for '{}', which this vendor does not offer", alias, target),
            "name one of the vendor's resources");
      claim(field, alias);
    }
  }

  /// One resource name means one thing over all vendors.
  void claim(std::string field, const std::string& name) {
    const auto [owner, is_new] = claims_.emplace(name, at_);
    if (is_new) return;
    violate(std::move(field),
            fmt::format("resource '{}' is already used by {}", name,
                        descriptors_[owner->second].source),
            "give each resource one meaning over all vendors");
  }

  std::span<const Descriptor> descriptors_;
  std::size_t at_ = 0;
  std::map<std::string, std::size_t> claims_;
  std::vector<Violation> violations_;
};

}  // namespace

std::vector<Violation> check(std::span<const Descriptor> descriptors) {
  return Checker(descriptors).run();
}

}  // namespace melon::vendors

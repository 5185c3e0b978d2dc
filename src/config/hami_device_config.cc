// SPDX-License-Identifier: Apache-2.0
// Reads HAMi's device-config.yaml as changes of descriptors, by one table of its keys.
#include "config/hami_device_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "config/detail/fields.h"
#include "config/detail/hami_node_keys.h"
#include "config/document.h"

namespace melon::config {
namespace {

using detail::lowered;
using vendors::Backend;
using Set = Result<> (*)(const std::string& file, const Document& value, Backend& backend);

/// Reads a value straight into a member that `kPlace` finds.
template <auto kPlace>
Result<> put(const std::string& file, const Document& value, Backend& backend) {
  auto& place = kPlace(backend);
  MELON_TRY(place, detail::Codec<std::decay_t<decltype(place)>>::read(file, value));
  return {};
}

Result<> put_memory_factor(const std::string& file, const Document& value, Backend& backend) {
  MELON_TRY(const std::int64_t factor, detail::Codec<std::int64_t>::read(file, value));
  if (factor == 0) return fail_at(file, value.line, "memoryFactor is 0", "write 1 or more");
  backend.memory.unit_mib = factor;
  return {};
}

Result<> put_core_policy(const std::string& file, const Document& value, Backend& backend) {
  MELON_TRY(const std::string policy, detail::Codec<std::string>::read(file, value));
  if (!policy.empty() && policy != "default")
    backend.admission.environment["GPU_CORE_UTILIZATION_POLICY"] = policy;
  return {};
}

Result<> put_dimension(const std::string& file, const Document& value, Backend& backend,
                       const std::string& name) {
  MELON_TRY(backend.dimensions[name], detail::Codec<std::int64_t>::read(file, value));
  return {};
}

Result<> put_ai_core(const std::string& file, const Document& value, Backend& backend) {
  return put_dimension(file, value, backend, "aicore");
}

Result<> put_ai_cpu(const std::string& file, const Document& value, Backend& backend) {
  return put_dimension(file, value, backend, "aicpu");
}

Result<> put_whole_units(const std::string& file, const Document& value, Backend& backend) {
  const bool is_list = value.kind == Document::Kind::kSequence && !value.items.empty();
  MELON_TRY(backend.count.whole_memory_units,
            detail::Codec<std::int64_t>::read(file, is_list ? value.items.front() : value));
  return {};
}

Result<vendors::Template> read_template(const std::string& file, const Document& value) {
  vendors::Template one{.cost = {{"instances", 1}}};
  for (const Document& item : value.items) {
    if (item.key == "name") {
      one.name = item.scalar;
    } else if (item.key == "memory") {
      MELON_TRY(one.memory, detail::Codec<MiB>::read(file, item));
    } else if (item.key == "aiCore") {
      MELON_TRY(one.cost["aicore"], detail::Codec<std::int64_t>::read(file, item));
    } else if (item.key == "aiCPU") {
      MELON_TRY(one.cost["aicpu"], detail::Codec<std::int64_t>::read(file, item));
    }
  }
  return one;
}

Result<> put_templates(const std::string& file, const Document& value, Backend& backend) {
  backend.memory.templates.clear();
  for (const Document& item : value.items) {
    MELON_TRY(vendors::Template one, read_template(file, item));
    backend.memory.templates.push_back(std::move(one));
  }
  return {};
}

template <auto kResource>
Result<> put_name(const std::string& file, const Document& value, Backend& backend) {
  return put<[](Backend& b) -> std::string& { return b.resources.*kResource; }>(file, value,
                                                                                backend);
}

/// One key of one section: which backend it changes, and how. An empty word is the list item's own.
struct Key {
  std::string_view section;
  std::string_view key;
  std::string_view word;
  Set set;
};

using R = vendors::ResourceNames;
constexpr auto kDefaultMib = [](Backend& b) -> std::int64_t& { return b.memory.default_mib; };
constexpr auto kDefaultCores = [](Backend& b) -> std::int64_t& { return b.compute.default_units; };
constexpr auto kInject = [](Backend& b) -> std::int64_t& { return b.count.inject; };
constexpr auto kRuntimeClass = [](Backend& b) -> std::string& { return b.admission.runtime_class; };
constexpr auto kWhole = [](Backend& b) -> MiB& { return b.memory.whole; };
constexpr auto kCapacity = [](Backend& b) -> MiB& { return b.memory.capacity; };
constexpr auto kPairs = [](Backend& b) -> bool& { return b.count.pairs; };

/// Nodes that do not say so themselves slice by software.
Result<> put_soft(const std::string& file, const Document& value, Backend& backend) {
  MELON_TRY(const bool soft, detail::Codec<bool>::read(file, value));
  std::erase_if(backend.nodes, [](const auto& one) { return one.node.empty(); });
  if (soft) backend.nodes.push_back({.mode = "soft"});
  return {};
}

constexpr std::array kKeys = {
    Key{"nvidia", "resourceCountName", "NVIDIA", put_name<&R::count>},
    Key{"nvidia", "resourceMemoryName", "NVIDIA", put_name<&R::memory>},
    Key{"nvidia", "resourceMemoryPercentageName", "NVIDIA", put_name<&R::memory_percentage>},
    Key{"nvidia", "resourceCoreName", "NVIDIA", put_name<&R::compute>},
    Key{"nvidia", "resourcePriorityName", "NVIDIA", put_name<&R::priority>},
    Key{"nvidia", "defaultMemory", "NVIDIA", put<kDefaultMib>},
    Key{"nvidia", "defaultCores", "NVIDIA", put<kDefaultCores>},
    Key{"nvidia", "defaultGPUNum", "NVIDIA", put<kInject>},
    Key{"nvidia", "memoryFactor", "NVIDIA", put_memory_factor},
    Key{"nvidia", "gpuCorePolicy", "NVIDIA", put_core_policy},
    Key{"nvidia", "runtimeClassName", "NVIDIA", put<kRuntimeClass>},
    Key{"cambricon", "resourceCountName", "MLU", put_name<&R::count>},
    Key{"cambricon", "resourceMemoryName", "MLU", put_name<&R::memory>},
    Key{"cambricon", "resourceCoreName", "MLU", put_name<&R::compute>},
    Key{"hygon", "resourceCountName", "DCU", put_name<&R::count>},
    Key{"hygon", "resourceMemoryName", "DCU", put_name<&R::memory>},
    Key{"hygon", "resourceCoreName", "DCU", put_name<&R::compute>},
    Key{"hygon", "memoryFactor", "DCU", put_memory_factor},
    Key{"metax", "resourceCountName", "Metax-GPU", put_name<&R::count>},
    Key{"metax", "resourceVCountName", "Metax-SGPU", put_name<&R::count>},
    Key{"metax", "resourceVMemoryName", "Metax-SGPU", put_name<&R::memory>},
    Key{"metax", "resourceVCoreName", "Metax-SGPU", put_name<&R::compute>},
    Key{"enflame", "resourceNameGCU", "GCU", put_name<&R::count>},
    Key{"enflame", "resourceNameVGCU", "Enflame", put_name<&R::count>},
    Key{"enflame", "resourceNameVGCUPercentage", "Enflame", put_name<&R::memory_percentage>},
    Key{"enflame", "resourceNameDRSGCU", "Enflame-DRS", put_name<&R::count>},
    Key{"enflame", "resourceNameGCUMemory", "Enflame-DRS", put_name<&R::memory>},
    Key{"enflame", "resourceNameGCUCore", "Enflame-DRS", put_name<&R::compute>},
    Key{"mthreads", "resourceCountName", "Mthreads", put_name<&R::count>},
    Key{"mthreads", "resourceMemoryName", "Mthreads", put_name<&R::memory>},
    Key{"mthreads", "resourceCoreName", "Mthreads", put_name<&R::compute>},
    Key{"mthreads", "memoryPerCard", "Mthreads", put_whole_units},
    Key{"kunlun", "resourceCountName", "kunlun", put_name<&R::count>},
    Key{"kunlun", "resourceVCountName", "XPU", put_name<&R::count>},
    Key{"kunlun", "resourceVMemoryName", "XPU", put_name<&R::memory>},
    Key{"awsneuron", "resourceCountName", "AWSNeuron", put_name<&R::count>},
    Key{"awsneuron", "resourceCoreName", "AWSNeuron", put_name<&R::compute>},
    Key{"amd", "resourceCountName", "AMDGPU", put_name<&R::count>},
    Key{"amd", "resourceMemoryName", "AMDGPU", put_name<&R::memory>},
    Key{"amd", "resourceCoreName", "AMDGPU", put_name<&R::compute>},
    Key{"vastai", "resourceCountName", "Vastai", put_name<&R::count>},
    Key{"biren", "resourceCountName", "Biren", put_name<&R::count>},
    Key{"iluvatars", "resourceCountName", "", put_name<&R::count>},
    Key{"iluvatars", "resourceMemoryName", "", put_name<&R::memory>},
    Key{"iluvatars", "resourceCoreName", "", put_name<&R::compute>},
    Key{"vnpus", "resourceName", "", put_name<&R::count>},
    Key{"vnpus", "resourceMemoryName", "", put_name<&R::memory>},
    Key{"vnpus", "resourceCoreName", "", put_name<&R::compute>},
    Key{"vnpus", "memoryAllocatable", "", put<kWhole>},
    Key{"vnpus", "memoryCapacity", "", put<kCapacity>},
    Key{"vnpus", "memoryFactor", "", put_memory_factor},
    Key{"vnpus", "aiCore", "", put_ai_core},
    Key{"vnpus", "aiCPU", "", put_ai_cpu},
    Key{"vnpus", "runtimeClassName", "", put<kRuntimeClass>},
    Key{"vnpus", "superPod", "", put<kPairs>},
    Key{"vnpus", "templates", "", put_templates},
    Key{"vnpus", "hamiVnpuCore", "", put_soft},
};

/// One reading of a file.
class Reader {
 public:
  Reader(std::string file, std::vector<vendors::Descriptor>& descriptors)
      : file_(std::move(file)), descriptors_(descriptors) {}

  Result<std::vector<std::string>> read(const Document& document) {
    if (document.kind != Document::Kind::kMapping)
      return fail_at(file_, document.line, "no section of a vendor stands here",
                     "give HAMi's device-config.yaml, or the ConfigMap that holds it");
    for (const Document& section : document.items) {
      if (lowered(section.key) == detail::kNodeConfig) continue;
      const bool known = std::ranges::find(kKeys, section.key, &Key::section) != kKeys.end();
      if (!known) {
        note(section, section.key);
        continue;
      }
      MELON_RETURN_IF_ERROR(read_section(section));
    }
    // Single nodes have what all have, but for what they say themselves.
    for (const Document& section : document.items)
      if (lowered(section.key) == detail::kNodeConfig) MELON_RETURN_IF_ERROR(read_nodes(section));
    return std::move(notes_);
  }

 private:
  Result<> read_nodes(const Document& list) {
    if (list.kind != Document::Kind::kSequence)
      return fail_at(file_, list.line, fmt::format("{} is no list", list.key),
                     "write a list of nodes, each with its name");
    Backend* const nvidia = find("NVIDIA");
    if (nvidia == nullptr) return {};
    for (const Document& item : list.items) {
      const Document* const name = item.find("name");
      if (name == nullptr || name->scalar.empty())
        return fail_at(file_, item.line, "name is missing", "add name: NODE");
      vendors::NodeSettings settings = of_all(*nvidia);
      settings.node = name->scalar;
      for (const Document& value : item.items) {
        if (value.key == "name") continue;
        const detail::NodeKey* const key = detail::find_node_key(value.key);
        if (key == nullptr) {
          note(value, fmt::format("{}.{}", list.key, value.key));
          continue;
        }
        MELON_RETURN_IF_ERROR(key->put(file_, value, settings));
      }
      std::erase_if(nvidia->nodes, [&](const auto& one) { return one.node == settings.node; });
      nvidia->nodes.push_back(std::move(settings));
    }
    return {};
  }

  static vendors::NodeSettings& of_all(Backend& backend) {
    for (vendors::NodeSettings& settings : backend.nodes)
      if (settings.node.empty()) return settings;
    return backend.nodes.emplace_back();
  }

  Result<> read_section(const Document& section) {
    const Document* const configs = section.find("configs");
    const Document& list = configs == nullptr ? section : *configs;
    if (list.kind != Document::Kind::kSequence) return read_keys(section, section.key, {});
    for (const Document& item : list.items) {
      const Document* const word = item.find("commonWord");
      if (word == nullptr)
        return fail_at(file_, item.line, "commonWord is missing", "add commonWord: CHIP");
      MELON_RETURN_IF_ERROR(read_beside(section, configs, word->scalar));
      MELON_RETURN_IF_ERROR(read_keys(item, section.key, word->scalar));
    }
    if (configs != nullptr)
      for (const Document& value : section.items)
        if (&value != configs && find_key(section.key, value.key) == kKeys.end())
          note(value, fmt::format("{}.{}", section.key, value.key));
    return {};
  }

  /// What stands beside a list holds for each of its items.
  Result<> read_beside(const Document& section, const Document* configs, const std::string& word) {
    if (configs == nullptr) return {};
    for (const Document& value : section.items)
      if (&value != configs && find_key(section.key, value.key) != kKeys.end())
        MELON_RETURN_IF_ERROR(read_key(value, section.key, word));
    return {};
  }

  static auto find_key(std::string_view section, std::string_view key)
      -> decltype(kKeys)::const_iterator {
    return std::ranges::find_if(
        kKeys, [&](const Key& known) { return known.section == section && known.key == key; });
  }

  Result<> read_keys(const Document& keys, const std::string& section, const std::string& word) {
    for (const Document& value : keys.items) MELON_RETURN_IF_ERROR(read_key(value, section, word));
    return {};
  }

  Result<> read_key(const Document& value, const std::string& section, const std::string& word) {
    const detail::NodeKey* const of_nodes =
        section == "nvidia" ? detail::find_node_key(value.key) : nullptr;
    if (Backend* const nvidia = find("NVIDIA"); of_nodes != nullptr && nvidia != nullptr)
      return of_nodes->put(file_, value, of_all(*nvidia));
    const auto key = find_key(section, value.key);
    if (key == kKeys.end()) {
      if (value.key != "commonWord" && value.key != "chipName")
        note(value, fmt::format("{}.{}", section, value.key));
      return {};
    }
    Backend* const backend = find(key->word.empty() ? std::string_view(word) : key->word);
    if (backend == nullptr)
      return fail_at(file_, value.line, fmt::format("no descriptor has the word '{}'", word),
                     "add a descriptor for it: docs/howto/add-a-vendor.md");
    return key->set(file_, value, *backend);
  }

  Backend* find(std::string_view word) {
    for (vendors::Descriptor& descriptor : descriptors_) {
      const auto found = std::ranges::find(descriptor.backends, word, &Backend::word);
      if (found != descriptor.backends.end()) return &*found;
    }
    return nullptr;
  }

  void note(const Document& at, std::string_view name) {
    const bool is_registered = detail::is_in_registration(at.key);
    notes_.push_back(fmt::format(
        "{}:{}: {} is not used: {}", file_, at.line, name,
        is_registered ? "it is in what nodes register" : "it is a matter of nodes, or unknown"));
  }

  std::string file_;
  std::vector<vendors::Descriptor>& descriptors_;
  std::vector<std::string> notes_;
};

}  // namespace

Result<std::vector<std::string>> apply_hami_device_config(
    const TextFile& file, std::vector<vendors::Descriptor>& descriptors) {
  MELON_TRY(Document document, parse_yaml(file.name, file.content));
  std::string name = file.name;
  if (const Document* const data = document.find("data")) {
    const Document* inner = data->find(kHamiDeviceConfig);
    if (inner == nullptr) inner = data->find(kHamiNodeConfig);
    if (inner == nullptr)
      return fail_at(file.name, data->line, fmt::format("data has no {}", kHamiDeviceConfig),
                     "give the ConfigMap hami-scheduler-device, or hami-device-plugin");
    name += fmt::format("({})", inner->key);
    const std::string content = inner->scalar;
    MELON_TRY(document, parse_yaml(name, content));
  }
  MELON_TRY(auto notes, Reader(name, descriptors).read(document));
  const auto violations = vendors::check(descriptors);
  if (violations.empty()) return notes;
  const vendors::Violation& first = violations.front();
  return fail_at(name, 1,
                 fmt::format("makes {} break a rule: {}: {}",
                             descriptors.at(first.descriptor).source, first.field(), first.message),
                 first.remedy);
}

}  // namespace melon::config

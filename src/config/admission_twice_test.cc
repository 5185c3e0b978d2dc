// SPDX-License-Identifier: Apache-2.0
// What admission wrote, it leaves as it is: over pods of several containers, vendors, historic
// names, percentages, units and annotations.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "config/admission_fixture.h"

namespace melon::config {
namespace {

using vendors::Backend;
using vendors::Resource;

int any(int least, int below) { return *rc::gen::inRange(least, below); }

/// One of the names of a resource, today's or a historic one; empty where there is none.
std::string any_name(vendors::BackendId id, Resource resource) {
  std::vector<std::string> names = {built_in().backend(id).resources.of(resource)};
  for (const vendors::Alias* const alias : built_in().aliases(id, resource))
    names.push_back(alias->name);
  return names[static_cast<std::size_t>(any(0, static_cast<int>(names.size())))];
}

std::string any_memory() {
  return *rc::gen::element<std::string>("0", "1", "2", "16", "100", "3000", "8192", "16384",
                                        "20000", "32768", "65536", "500Mi", "1Gi", "20Gi");
}

std::string any_share() {
  return *rc::gen::element<std::string>("0", "1", "25", "30", "50", "99", "100");
}

std::string any_amount(Resource resource) {
  switch (resource) {
    case Resource::kCount:
      return std::to_string(any(0, 6));
    case Resource::kMemory:
      return any_memory();
    case Resource::kPriority:
      return std::to_string(any(0, 2));
    case Resource::kMemoryPercentage:
    case Resource::kCompute:
      break;
  }
  return any_share();
}

void ask(vendors::BackendId id, vendors::ContainerSpec& container) {
  for (const Resource resource : {Resource::kCount, Resource::kMemory, Resource::kMemoryPercentage,
                                  Resource::kCompute, Resource::kPriority}) {
    const std::string name = any_name(id, resource);
    const bool is_asked = any(0, resource == Resource::kCount ? 5 : 3) != 1;
    if (name.empty() || !is_asked) continue;
    const std::string amount = any_amount(resource);
    const int where = any(0, 6);
    if (where != 0) container.limits[name] = amount;
    if (where < 2) container.requests[name] = amount;
  }
}

void annotate(const Backend& backend, vendors::PodSpec& pod) {
  const vendors::SelectorKeys& keys = backend.selectors;
  const auto write = [&](const std::string& key, const std::string& value) {
    if (!key.empty() && any(0, 3) == 0) pod.annotations[key] = value;
  };
  write(keys.qos, *rc::gen::element<std::string>("best-effort", "fixed-share", "burst-share"));
  write(keys.app_class, *rc::gen::element<std::string>("online", "offline"));
  write(keys.topology, "true");
  write(keys.numa_bind, "true");
  write(keys.mode, "mig");
  write(backend.soft_mode.annotation, backend.soft_mode.value);
  write(backend.count.count_annotation, std::to_string(any(1, 4)));
  if (!keys.use_type.empty()) write(keys.use_type.front(), "A100,,T4");
  write(std::string(vendors::kSplitAnnotation), "4,100");
}

vendors::PodSpec any_pod() {
  const auto backends = built_in().backends();
  const auto any_backend = [&] {
    return static_cast<vendors::BackendId>(any(0, static_cast<int>(backends.size())));
  };
  const vendors::BackendId usual = any_backend();
  vendors::PodSpec pod;
  for (int i = any(1, 4); i-- > 0;) {
    vendors::ContainerSpec container{.name = fmt::format("c{}", i), .privileged = any(0, 9) == 0};
    if (i > 0)
      container.kind =
          any(0, 2) == 0 ? vendors::ContainerKind::kInitial : vendors::ContainerKind::kSidecar;
    for (int kinds = any(0, 8) == 0 ? 2 : 1; kinds-- > 0;) {
      const vendors::BackendId id = kinds == 0 ? usual : any_backend();
      ask(id, container);
      annotate(backends[id], pod);
    }
    if (any(0, 6) == 0) container.environment["CUDA_TASK_PRIORITY"] = "1";
    pod.containers.push_back(std::move(container));
  }
  if (any(0, 6) == 0) pod.scheduler_name = "default-scheduler";
  if (any(0, 6) == 0) pod.runtime_class = "mine";
  return pod;
}

std::string text_of(const vendors::PodSpec& pod) {
  std::string text = words_of(pod.annotations);
  for (const vendors::ContainerSpec& container : pod.containers)
    text += fmt::format("; {} limits {}, requests {}", container.name, words_of(container.limits),
                        words_of(container.requests));
  return text;
}

TEST(Admission, HistoricNamesInSmallerUnitsAreRoundedUp) {
  const auto once =
      vendors::admit(pod_of({"cambricon.com/vmlu=1 cambricon.com/mlumem=100"}), built_in(), {});
  ASSERT_TRUE(once);
  EXPECT_EQ(once->pod.containers[0].limits.at("cambricon.com/mlu.smlu.vmemory"), "1");
  EXPECT_EQ(describe(Result<vendors::Demands>(once->demands)), "MLU 1 x 256 MiB 100");
}

RC_GTEST_PROP(Admission, OfAllThatAPodMaySayTwiceIsOnce, ()) {
  const vendors::PodSpec pod = any_pod();
  for (const auto mode : {vendors::Compatibility::kNone, vendors::Compatibility::kHami29,
                          vendors::Compatibility::kHami210}) {
    const vendors::AdmissionOptions options{
        .mode = mode,
        .scheduler_name = any(0, 2) == 0 ? "melon-scheduler" : "",
        .hide_devices = any(0, 2) == 0};
    const auto once = vendors::admit(pod, built_in(), options);
    if (!once) continue;
    RC_CLASSIFY(once->has_devices, "with devices");
    const auto twice = vendors::admit(once->pod, built_in(), options);
    if (!twice) RC_FAIL(twice.error().message);
    RC_LOG() << vendors::word_of(mode) << ": " << text_of(pod) << "\n-> " << text_of(once->pod)
             << "\n-> " << text_of(twice->pod) << "\n"
             << describe(Result<vendors::Demands>(once->demands)) << " -> "
             << describe(Result<vendors::Demands>(twice->demands)) << "\n";
    RC_ASSERT(twice->pod == once->pod);
    RC_ASSERT(twice->demands == once->demands);
  }
}

}  // namespace
}  // namespace melon::config

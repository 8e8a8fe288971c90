// A simulated CUDA device for a CPU-only build of PyTorch: device "cuda:0", real numbers, host memory.
//
// Every operator on a "cuda" tensor runs PyTorch's CPU kernel on the same memory, after the checks that
// real CUDA makes: no CPU tensor (but for 0-dim scalars) beside a cuda tensor, no CPU generator for a
// cuda tensor and vice versa, no numpy of a cuda tensor. Copies to the host and .item() are counted as
// synchronisations and can be made an error. Bytes that tensors hold are counted, with their peak.
//
// Load it with ctypes (RTLD_GLOBAL) BEFORE `import torch`, see simcuda.py.
#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/LegacyTypeDispatch.h>
#include <ATen/detail/CUDAHooksInterface.h>
#include <ATen/EmptyTensor.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>
#include <torch/library.h>
#include <atomic>
#include <cstdlib>
#include <unordered_map>
#include <map>
#include <mutex>
#include <string>

namespace {
using at::Tensor;
using c10::Device;
using c10::DeviceType;

std::atomic<int64_t> live{0}, peak{0}, syncs{0}, d2h{0}, h2d{0}, ops{0};
std::atomic<int> forbid{0};
std::mutex names_lock;
std::map<std::string, int64_t> names;

void grow(int64_t n) {
  int64_t now = (live += n);
  int64_t p = peak.load();
  while (now > p && !peak.compare_exchange_weak(p, now)) {}
}

void sync_point(const char* what) {
  ++syncs;
  TORCH_CHECK(!forbid, "SYNC: ", what, " waits for the GPU here");
}

const Device kGpu(DeviceType::CUDA, 0);

struct SimAllocator final : c10::Allocator {
  c10::DataPtr allocate(size_t n) override {
    if (!n) return {nullptr, nullptr, &del, kGpu};
    size_t total = (n + 64 + 63) / 64 * 64;
    char* p = (char*)std::aligned_alloc(64, total);
    *(size_t*)p = n;
    grow(n);
    return {p + 64, p, &del, kGpu};
  }
  static void del(void* ctx) {
    if (!ctx) return;
    live -= *(size_t*)ctx;
    std::free(ctx);
  }
  c10::DeleterFnPtr raw_deleter() const override { return nullptr; }
  void copy_data(void* d, const void* s, std::size_t n) const override { std::memcpy(d, s, n); }
};
SimAllocator allocator;
struct Register { Register() { c10::SetAllocator(DeviceType::CUDA, &allocator, 1); } } register_;

struct SimGuard final : c10::impl::DeviceGuardImplInterface {
  DeviceType type() const override { return DeviceType::CUDA; }
  Device exchangeDevice(Device) const override { return kGpu; }
  Device getDevice() const override { return kGpu; }
  void setDevice(Device) const override {}
  void uncheckedSetDevice(Device) const noexcept override {}
  c10::Stream getStream(Device) const noexcept override { return c10::Stream(c10::Stream::DEFAULT, kGpu); }
  c10::Stream getDefaultStream(Device) const override { return c10::Stream(c10::Stream::DEFAULT, kGpu); }
  c10::Stream exchangeStream(c10::Stream) const noexcept override { return c10::Stream(c10::Stream::DEFAULT, kGpu); }
  c10::DeviceIndex deviceCount() const noexcept override { return 1; }
  void record(void**, const c10::Stream&, const c10::DeviceIndex, const c10::EventFlag) const override {}
  void block(void*, const c10::Stream&) const override {}
  bool queryEvent(void*) const override { return true; }
  void destroyEvent(void*, const c10::DeviceIndex) const noexcept override {}
  bool queryStream(const c10::Stream&) const override { return true; }
  void synchronizeStream(const c10::Stream&) const override {}
  void synchronizeDevice(const c10::DeviceIndex) const override {}
  void recordDataPtrOnStream(const c10::DataPtr&, const c10::Stream&) const override {}
};
C10_REGISTER_GUARD_IMPL(CUDA, SimGuard)

// A generator of device cuda: a CPU generator inside.
struct SimGenerator final : c10::GeneratorImpl {
  at::Generator inner;
  explicit SimGenerator(at::Generator g)
      : c10::GeneratorImpl(kGpu, c10::DispatchKeySet(c10::DispatchKey::CUDA)), inner(std::move(g)) {}
  void set_current_seed(uint64_t s) override { inner.set_current_seed(s); }
  void set_offset(uint64_t) override {}
  uint64_t get_offset() const override { return 0; }
  uint64_t current_seed() const override { return inner.current_seed(); }
  uint64_t seed() override { return const_cast<at::Generator&>(inner).seed(); }
  void set_state(const c10::TensorImpl& s) override { inner.unsafeGetGeneratorImpl()->set_state(s); }
  c10::intrusive_ptr<c10::TensorImpl> get_state() const override {
    return inner.unsafeGetGeneratorImpl()->get_state();
  }
  GeneratorImpl* clone_impl() const override { return new SimGenerator(inner.clone()); }
};

at::Generator& default_generator() {
  static at::Generator g = at::make_generator<SimGenerator>(at::detail::getDefaultCPUGenerator());
  return g;
}

}  // namespace

namespace at {
struct CUDAHooks : public CUDAHooksInterface {
  CUDAHooks(CUDAHooksArgs) {}
  void init() const override {}
  bool hasCUDA() const override { return true; }
  bool isBuilt() const override { return true; }
  bool isAvailable() const override { return true; }
  bool hasPrimaryContext(DeviceIndex) const override { return true; }
  DeviceIndex current_device() const override { return 0; }
  DeviceIndex deviceCount() const override { return 1; }
  DeviceIndex getCurrentDevice() const override { return 0; }
  void setCurrentDevice(DeviceIndex) const override {}
  DeviceIndex exchangeDevice(DeviceIndex) const override { return 0; }
  DeviceIndex maybeExchangeDevice(DeviceIndex) const override { return 0; }
  int getNumGPUs() const override { return 1; }
  bool isPinnedPtr(const void*) const override { return false; }
  Device getDeviceFromPtr(void*) const override { return kGpu; }
  void deviceSynchronize(DeviceIndex) const override {}
  Allocator* getCUDADeviceAllocator() const override { return &allocator; }
  const Generator& getDefaultGenerator(DeviceIndex) const override { return default_generator(); }
  Generator getNewGenerator(DeviceIndex) const override {
    return make_generator<SimGenerator>(at::detail::createCPUGenerator());
  }
};
using at::CUDAHooksRegistry;
REGISTER_CUDA_HOOKS(CUDAHooks);
}  // namespace at

namespace {

struct Call {
  // alias's impl -> the cuda tensor; alias's storage -> the cuda storage; cuda storage -> alias's
  std::unordered_map<c10::TensorImpl*, Tensor> originals;
  std::unordered_map<c10::StorageImpl*, c10::Storage> storages;
  std::unordered_map<c10::StorageImpl*, c10::Storage> aliases;
  std::vector<std::pair<Tensor, Tensor>> pairs;

  Tensor alias(const Tensor& t) {
    auto* impl = t.unsafeGetTensorImpl();
    c10::Storage real = t.storage();
    auto found = aliases.find(real.unsafeGetStorageImpl());
    c10::Storage st;
    if (found != aliases.end()) {
      st = found->second;
    } else {
      auto* keep = new c10::Storage(real);
      c10::DataPtr p(const_cast<void*>(real.data()), keep,
                     [](void* c) { delete (c10::Storage*)c; }, Device(DeviceType::CPU));
      st = c10::Storage(c10::Storage::use_byte_size_t(), real.nbytes(), std::move(p),
                        c10::GetAllocator(DeviceType::CPU), true);
      aliases.emplace(real.unsafeGetStorageImpl(), st);
      storages.emplace(st.unsafeGetStorageImpl(), real);
    }
    c10::DispatchKeySet ks(c10::DispatchKey::CPU);
    if (impl->key_set().has(c10::DispatchKey::Conjugate)) ks = ks.add(c10::DispatchKey::Conjugate);
    if (impl->key_set().has(c10::DispatchKey::Negative)) ks = ks.add(c10::DispatchKey::Negative);
    Tensor a = at::detail::make_tensor<c10::TensorImpl>(c10::Storage(st), ks, t.dtype());
    a.unsafeGetTensorImpl()->set_sizes_and_strides(t.sizes(), t.strides(), t.storage_offset());
    originals.emplace(a.unsafeGetTensorImpl(), t);
    pairs.emplace_back(t, a);
    return a;
  }

  static c10::Storage own(const c10::Storage& cpu) {
    struct Ctx { c10::Storage s; int64_t n; };
    int64_t n = cpu.nbytes();
    grow(n);
    auto* ctx = new Ctx{cpu, n};
    c10::DataPtr p(const_cast<void*>(cpu.data()), ctx,
                   [](void* c) { live -= ((Ctx*)c)->n; delete (Ctx*)c; }, kGpu);
    return c10::Storage(c10::Storage::use_byte_size_t(), n, std::move(p), &allocator, true);
  }

  Tensor back(const Tensor& r) {
    if (!r.defined() || !r.device().is_cpu()) return r;
    auto* impl = r.unsafeGetTensorImpl();
    auto same = originals.find(impl);
    if (same != originals.end()) return same->second;
    if (!impl->has_storage()) TORCH_CHECK(false, "simcuda: a result without storage");
    c10::Storage st;
    auto view = storages.find(r.storage().unsafeGetStorageImpl());
    st = view != storages.end() ? view->second : own(r.storage());
    if (view == storages.end()) {  // several fresh results may share one storage
      storages.emplace(r.storage().unsafeGetStorageImpl(), st);
    }
    c10::DispatchKeySet ks(c10::DispatchKey::CUDA);
    if (impl->key_set().has(c10::DispatchKey::Conjugate)) ks = ks.add(c10::DispatchKey::Conjugate);
    if (impl->key_set().has(c10::DispatchKey::Negative)) ks = ks.add(c10::DispatchKey::Negative);
    Tensor t = at::detail::make_tensor<c10::TensorImpl>(std::move(st), ks, r.dtype());
    t.unsafeGetTensorImpl()->set_sizes_and_strides(r.sizes(), r.strides(), r.storage_offset());
    return t;
  }

  void settle() {  // what was resized in place
    for (auto& [t, a] : pairs) {
      auto* impl = t.unsafeGetTensorImpl();
      if (a.storage().data() != t.storage().data() && a.storage().nbytes()) {
        impl->set_storage_keep_dtype(own(a.storage()));
      }
      if (a.sizes() != t.sizes() || a.strides() != t.strides() || a.storage_offset() != t.storage_offset())
        impl->set_sizes_and_strides(a.sizes(), a.strides(), a.storage_offset());
    }
  }
};

bool index_op(const std::string& n) {
  return n == "aten::index" || n == "aten::_unsafe_index" || n == "aten::index_put_" ||
         n == "aten::_index_put_impl_" || n == "aten::index_put" || n == "aten::_unsafe_index_put";
}

bool matrix_op(const std::string& n) {
  return n == "aten::convolution" || n == "aten::convolution_backward" || n == "aten::mm" ||
         n == "aten::addmm" || n == "aten::bmm" || n == "aten::baddbmm";
}

void fallback(const c10::OperatorHandle& op, torch::jit::Stack* stack) {
  const auto& schema = op.schema();
  const std::string& name = schema.name();
  ++ops;
  {
    std::lock_guard<std::mutex> g(names_lock);
    ++names[name + "." + schema.overload_name()];
  }
  if (name == "aten::_local_scalar_dense") sync_point("item()");
  else if (name == "aten::nonzero" || name == "aten::masked_select" || name == "aten::_unique2" ||
           name == "aten::bincount" || name == "aten::unique_dim" || name == "aten::unique_consecutive" ||
           name == "aten::is_nonzero" || name == "aten::equal" || name == "aten::repeat_interleave" ||
           name == "aten::_linalg_check_errors")
    sync_point(name.c_str());
  const size_t n = schema.arguments().size(), begin = stack->size() - n;
  // --- the checks
  Device common(DeviceType::CPU);
  bool any = false, cpu_many = false;
  std::string which;
  auto look = [&](const Tensor& t, const c10::Argument& arg, bool in_list) {
    if (!t.defined()) return;
    if (t.is_cuda()) { any = true; return; }
    bool written = arg.alias_info() && arg.alias_info()->isWrite();
    if (t.dim() == 0 && !written && !(in_list && (name == "aten::cat" || name == "aten::stack"))) return;
    cpu_many = true;
    which += " " + arg.name();
  };
  bool self_cuda = n && (*stack)[begin].isTensor() && (*stack)[begin].toTensor().defined() &&
                   (*stack)[begin].toTensor().is_cuda();
  for (size_t i = 0; i < n; ++i) {
    const auto& arg = schema.arguments()[i];
    const auto& v = (*stack)[begin + i];
    if (index_op(name) && arg.name() == "indices" && self_cuda) continue;  // CPU indices are taken
    if (v.isTensor()) look(v.toTensor(), arg, false);
    else if (v.isTensorList()) for (const Tensor& t : v.toTensorVector()) look(t, arg, true);
    else if (v.isList()) {
      for (const auto& e : v.toListRef()) if (e.isTensor()) look(e.toTensor(), arg, true);
    }
  }
  bool to_gpu = false;
  for (size_t i = 0; i < n; ++i) {
    const auto& v = (*stack)[begin + i];
    if (v.isDevice() && v.toDevice().is_cuda()) to_gpu = true;
  }
  TORCH_CHECK(!(any && cpu_many),
              "Expected all tensors to be on the same device, but found at least two devices, cuda:0 and cpu! "
              "(", name, ", on the CPU:", which, ")");
  // --- in
  Call call;
  auto in = [&](const Tensor& t) -> Tensor { return t.defined() && t.is_cuda() ? call.alias(t) : t; };
  for (size_t i = 0; i < n; ++i) {
    auto& v = (*stack)[begin + i];
    if (v.isTensor()) {
      v = in(v.toTensor());
    } else if (v.isTensorList()) {
      c10::List<Tensor> out;
      for (const Tensor& t : v.toTensorVector()) out.push_back(in(t));
      v = out;
    } else if (v.isList() && v.toList().elementType()->kind() == c10::OptionalType::Kind) {
      bool tensors = v.toList().elementType()->cast<c10::OptionalType>()->getElementType()->kind() ==
                     c10::TensorType::Kind;
      if (tensors) {
        c10::List<std::optional<Tensor>> out;
        for (const auto& e : v.toListRef())
          out.push_back(e.isTensor() ? std::optional<Tensor>(in(e.toTensor())) : std::nullopt);
        v = out;
      }
    } else if (v.isDevice() && v.toDevice().is_cuda()) {
      v = Device(DeviceType::CPU);
    } else if (v.isGenerator()) {
      auto g = v.toGenerator();
      if (g.defined()) {
        TORCH_CHECK(g.device().is_cuda(), "Expected a 'cuda' device type for generator but found '",
                    g.device().type(), "' (", name, ")");
        TORCH_CHECK(any || to_gpu, "Expected a 'cpu' device type for generator but found 'cuda' (", name, ")");
        v = static_cast<SimGenerator*>(g.unsafeGetGeneratorImpl())->inner;
      }
    }
  }
  // --- do it on the CPU; products of half precision in float32, as tensor cores add (and since the
  //     CPU's own are a hundred times slower)
  std::optional<at::ScalarType> half;
  if (matrix_op(name) && (schema.overload_name().empty() || schema.overload_name() == "default")) {
    for (size_t i = 0; i < n; ++i) {
      auto& v = (*stack)[begin + i];
      if (!v.isTensor() || !v.toTensor().defined()) continue;
      auto type = v.toTensor().scalar_type();
      if (type == at::kHalf || type == at::kBFloat16) half = type;
    }
  }
  {
    at::AutoDispatchBelowADInplaceOrView below;
    for (size_t i = 0; half && i < n; ++i) {
      auto& v = (*stack)[begin + i];
      if (v.isTensor() && v.toTensor().defined()) v = v.toTensor().to(at::kFloat);
    }
    op.callBoxed(stack);
    for (size_t i = stack->size() - schema.returns().size(); half && i < stack->size(); ++i) {
      auto& v = (*stack)[i];
      if (v.isTensor() && v.toTensor().defined()) v = v.toTensor().to(*half);
    }
  }
  // --- out
  call.settle();
  const size_t m = schema.returns().size(), first = stack->size() - m;
  bool wrap = any || to_gpu;
  for (size_t i = 0; i < m && wrap; ++i) {
    auto& v = (*stack)[first + i];
    if (v.isTensor()) v = call.back(v.toTensor());
    else if (v.isTensorList()) {
      c10::List<Tensor> out;
      for (const Tensor& t : v.toTensorVector()) out.push_back(call.back(t));
      v = out;
    }
  }
}

Tensor empty(at::IntArrayRef size, std::optional<at::ScalarType> dtype, std::optional<at::Layout>,
             std::optional<Device>, std::optional<bool>, std::optional<at::MemoryFormat> format) {
  return at::detail::empty_generic(size, &allocator, c10::DispatchKeySet(c10::DispatchKey::CUDA),
                                   dtype.value_or(at::get_default_dtype_as_scalartype()), format);
}

Tensor empty_strided(at::IntArrayRef size, at::IntArrayRef stride, std::optional<at::ScalarType> dtype,
                     std::optional<at::Layout>, std::optional<Device>, std::optional<bool>) {
  return at::detail::empty_strided_generic(size, stride, &allocator,
                                           c10::DispatchKeySet(c10::DispatchKey::CUDA),
                                           dtype.value_or(at::get_default_dtype_as_scalartype()));
}

Tensor zerotensor(at::IntArrayRef size, std::optional<at::ScalarType> dtype, std::optional<at::Layout> l,
                  std::optional<Device> d, std::optional<bool> p) {
  Tensor t = empty(size, dtype, l, d, p, std::nullopt);
  std::memset(t.mutable_data_ptr(), 0, t.nbytes());
  return t;
}

Tensor& copy_(Tensor& self, const Tensor& src, bool non_blocking) {
  if (self.is_same(src)) return self;
  if (!self.is_cuda()) {
    ++d2h;
    sync_point("a copy to the host");
  } else if (!src.is_cuda()) {
    ++h2d;
  }
  Call call;
  Tensor a = self.is_cuda() ? call.alias(self) : self, b = src.is_cuda() ? call.alias(src) : src;
  at::AutoDispatchBelowADInplaceOrView below;
  a.copy_(b);
  return self;
}

Tensor& set_storage(Tensor& self, c10::Storage source) {
  TORCH_CHECK(source.device().is_cuda(), "set_: storage on another device");
  auto* impl = self.unsafeGetTensorImpl();
  impl->set_storage_keep_dtype(source);
  impl->set_storage_offset(0);
  impl->set_sizes_contiguous({(int64_t)(source.nbytes() / self.dtype().itemsize())});
  return self;
}

Tensor& set_storage_offset(Tensor& self, c10::Storage source, int64_t offset, at::IntArrayRef size,
                           at::IntArrayRef stride) {
  TORCH_CHECK(source.device().is_cuda(), "set_: storage on another device");
  auto* impl = self.unsafeGetTensorImpl();
  impl->set_storage_keep_dtype(source);
  if (stride.data() && stride.size() == size.size()) impl->set_sizes_and_strides(size, stride, offset);
  else { impl->set_storage_offset(offset); impl->set_sizes_contiguous(size); }
  return self;
}

Tensor& set_tensor(Tensor& self, const Tensor& source) {
  return set_storage_offset(self, source.storage(), source.storage_offset(), source.sizes(), source.strides());
}

Tensor& set_nothing(Tensor& self) {
  Tensor e = at::detail::empty_generic({0}, &allocator, c10::DispatchKeySet(c10::DispatchKey::CUDA),
                                     self.scalar_type(), std::nullopt);
  return set_tensor(self, e);
}

TORCH_LIBRARY_IMPL(_, CUDA, m) { m.fallback(torch::CppFunction::makeFromBoxedFunction<&fallback>()); }
// CUDA tensors that meet a batching or functional key are none of our business.
TORCH_LIBRARY_IMPL(aten, CUDA, m) {
  m.impl("empty.memory_format", empty);
  m.impl("empty_strided", empty_strided);
  m.impl("_efficientzerotensor", zerotensor);
  m.impl("copy_", copy_);
  m.impl("set_.source_Storage", set_storage);
  m.impl("set_.source_Storage_storage_offset", set_storage_offset);
  m.impl("set_.source_Tensor", set_tensor);
  m.impl("set_", set_nothing);
  // Composites that would choose a kernel only CUDA has:
  for (const char* n : {"convolution", "convolution_backward", "native_batch_norm", "native_batch_norm_backward",
                        "_linalg_check_errors", "linalg_eigh", "_linalg_eigh"})
    m.impl(n, torch::CppFunction::makeFromBoxedFunction<&fallback>());
}
}  // namespace

extern "C" {
int64_t sim_live() { return live; }
int64_t sim_peak() { return peak; }
void sim_reset_peak() { peak = live.load(); }
int64_t sim_syncs() { return syncs; }
int64_t sim_d2h() { return d2h; }
int64_t sim_h2d() { return h2d; }
int64_t sim_ops() { return ops; }
void sim_forbid(int yes) { forbid = yes; }
void sim_names(char* out, int64_t size) {
  std::lock_guard<std::mutex> g(names_lock);
  std::string s;
  for (auto& [k, v] : names) s += k + " " + std::to_string(v) + "\n";
  std::snprintf(out, size, "%s", s.c_str());
}
void sim_clear_names() { std::lock_guard<std::mutex> g(names_lock); names.clear(); }
}

/* A library that is no module. */
__attribute__((visibility("default"))) int adi_backend_plugins;

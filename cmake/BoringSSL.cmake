# BoringSSL, static: boringssl::ssl and boringssl::crypto.
if(BORINGSSL_ROOT)
  add_library(boringssl::crypto STATIC IMPORTED)
  set_target_properties(boringssl::crypto PROPERTIES IMPORTED_LOCATION ${BORINGSSL_ROOT}/lib/libcrypto.a
    INTERFACE_INCLUDE_DIRECTORIES ${BORINGSSL_ROOT}/include INTERFACE_LINK_LIBRARIES "pthread;stdc++")
  add_library(boringssl::ssl STATIC IMPORTED)
  set_target_properties(boringssl::ssl PROPERTIES IMPORTED_LOCATION ${BORINGSSL_ROOT}/lib/libssl.a
    INTERFACE_INCLUDE_DIRECTORIES ${BORINGSSL_ROOT}/include INTERFACE_LINK_LIBRARIES boringssl::crypto)
endif()

"""The URLs of the settings."""

from django.urls import path

from vestnik.dashboard.settings import keys, providers, stopwords, test_send, users

urlpatterns = [
    path("", providers.providers, name="settings"),
    path("providers/<str:alias>/test/", test_send.test_provider, name="test-provider"),
    path("stop-words/", stopwords.stop_words, name="stop-words"),
    path("users/", users.users, name="users"),
    path("users/add/", users.add_user, name="add-user"),
    path("users/<int:user_id>/", users.user_page, name="user-page"),
    path("users/<int:user_id>/role/", users.change_role, name="change-role"),
    path("users/<int:user_id>/password/", users.set_password, name="set-password"),
    path("users/<int:user_id>/deactivate/", users.deactivate, name="deactivate-user"),
    path("users/<int:user_id>/activate/", users.activate, name="activate-user"),
    path("keys/", keys.api_keys, name="api-keys"),
    path("keys/<int:key_id>/revoke/", keys.revoke_key, name="revoke-key"),
]

"""Limits of the installation that guard its SMS bill."""

from pydantic_settings import BaseSettings, SettingsConfigDict


class LoginSettings(BaseSettings):
    """How many login codes may leave, whoever asks (environment: LOGIN_…)."""

    model_config = SettingsConfigDict(env_prefix="LOGIN_", extra="ignore")

    codes_per_hour: int = 2000
    """The spend cap: all codes of the installation in any hour."""
    codes_per_network_hour: int = 20
    """Codes asked for from one client address in any hour."""

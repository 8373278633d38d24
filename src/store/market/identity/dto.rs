//! The bodies of IdentityApi, in the words of its requirement.

use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::storage::User;

/// A registration by e-mail address.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct RegisterEmail {
    #[schema(min_length = 1, max_length = 100)]
    pub(crate) first_name: String,
    #[schema(min_length = 1, max_length = 100)]
    pub(crate) last_name: String,
    /// In ASCII; kept in lower case.
    #[schema(format = "email", max_length = 254)]
    pub(crate) email: String,
    /// None of the common ones, and without the address in it.
    #[schema(value_type = String, format = "password", min_length = 10, max_length = 128)]
    pub(crate) password: SecretString,
}

masked!(RegisterEmail);

/// A registration by telephone number.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct RegisterPhone {
    #[schema(min_length = 1, max_length = 100)]
    pub(crate) first_name: String,
    #[schema(min_length = 1, max_length = 100)]
    pub(crate) last_name: String,
    /// In E.164; spaces, hyphens and brackets are dropped.
    #[schema(example = "+79161234567", max_length = 64)]
    pub(crate) phone: String,
    /// None of the common ones, and without the number in it.
    #[schema(value_type = String, format = "password", min_length = 10, max_length = 128)]
    pub(crate) password: SecretString,
}

masked!(RegisterPhone);

/// A sign-in by e-mail address.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct LoginEmail {
    #[schema(format = "email", max_length = 254)]
    pub(crate) email: String,
    #[schema(value_type = String, format = "password", min_length = 1, max_length = 128)]
    pub(crate) password: SecretString,
}

masked!(LoginEmail);

/// A sign-in by telephone number.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct LoginPhone {
    #[schema(example = "+79161234567", max_length = 64)]
    pub(crate) phone: String,
    #[schema(value_type = String, format = "password", min_length = 1, max_length = 128)]
    pub(crate) password: SecretString,
}

masked!(LoginPhone);

/// A refresh token, to be exchanged or to be ended.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct RefreshToken {
    #[schema(value_type = String, min_length = 1, max_length = 512)]
    pub(crate) refresh_token: SecretString,
}

/// An e-mail address.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct EmailOnly {
    #[schema(format = "email", max_length = 254)]
    pub(crate) email: String,
}

masked!(EmailOnly);

/// A telephone number.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct PhoneOnly {
    #[schema(example = "+79161234567", max_length = 64)]
    pub(crate) phone: String,
}

masked!(PhoneOnly);

/// The code that came to an e-mail address.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct EmailCode {
    #[schema(format = "email", max_length = 254)]
    pub(crate) email: String,
    #[schema(pattern = "^[0-9]{6}$", example = "123456")]
    pub(crate) code: String,
}

masked!(EmailCode);

/// The code that came to a telephone number.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct PhoneCode {
    #[schema(example = "+79161234567", max_length = 64)]
    pub(crate) phone: String,
    #[schema(pattern = "^[0-9]{6}$", example = "123456")]
    pub(crate) code: String,
}

masked!(PhoneCode);

/// A password for another.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct PasswordChange {
    #[schema(value_type = String, format = "password", min_length = 1, max_length = 128)]
    pub(crate) current_password: SecretString,
    #[schema(value_type = String, format = "password", min_length = 10, max_length = 128)]
    pub(crate) new_password: SecretString,
}

/// Whose password is forgotten: one of the two.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ResetRequest {
    #[schema(format = "email", max_length = 254)]
    pub(crate) email: Option<String>,
    #[schema(example = "+79161234567", max_length = 64)]
    pub(crate) phone: Option<String>,
}

masked!(ResetRequest);

/// The token that came, and the new password.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ResetConfirm {
    #[schema(value_type = String, min_length = 1, max_length = 512)]
    pub(crate) reset_token: SecretString,
    #[schema(value_type = String, format = "password", min_length = 10, max_length = 128)]
    pub(crate) new_password: SecretString,
}

/// Other names; what is absent stays.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ProfileChange {
    /// One's own, if given.
    pub(crate) id: Option<Uuid>,
    #[schema(min_length = 1, max_length = 100)]
    pub(crate) first_name: Option<String>,
    #[schema(min_length = 1, max_length = 100)]
    pub(crate) last_name: Option<String>,
}

masked!(ProfileChange);

/// A user's profile.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Profile {
    pub(crate) id: Uuid,
    first_name: String,
    last_name: String,
    email: Option<String>,
    phone: Option<String>,
    email_verified: bool,
    phone_verified: bool,
}

masked!(Profile);

impl From<User> for Profile {
    fn from(user: User) -> Self {
        Self {
            id: user.id,
            first_name: user.first_name,
            last_name: user.last_name,
            email: user.email,
            phone: user.phone_e164,
            email_verified: user.email_verified,
            phone_verified: user.phone_verified,
        }
    }
}

/// What a signed-in user asks with.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Tokens {
    /// `Authorization: Bearer` with it.
    pub(crate) access_token: String,
    /// For the next pair; good once.
    pub(crate) refresh_token: String,
    /// How long the access token is good, in seconds.
    pub(crate) expires_in: u32,
}

/// A new account, signed in.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Registered {
    pub(crate) user: Profile,
    #[serde(flatten)]
    pub(crate) tokens: Tokens,
}

//! What the doctor asks of Asterisk: its modules, and the form of the calls in progress.

use serde::Deserialize;

use super::{Ari, AriError};

/// A channel that runs an application of the dialplan now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Running {
    /// The channel's name, such as `PJSIP/trunk-0000002b`.
    pub channel: String,
    /// The application, such as `Dial`.
    pub app: String,
    /// Its arguments, the variables filled in.
    pub data: String,
    /// The variables that ARI shows of it (`channelvars` of ari.conf).
    pub variables: Vec<String>,
}

impl Ari {
    /// Whether this module runs. One that is not loaded does not.
    ///
    /// # Errors
    /// Any [`AriError`] that is no answer to this question; `res_ari_asterisk.so` must run to give one.
    pub async fn runs_module(&self, name: &str) -> Result<bool, AriError> {
        #[derive(Deserialize)]
        struct Module {
            status: String,
        }
        match self.json::<Module>(&["asterisk", "modules", name], &[], "a module").await {
            Ok(module) => Ok(module.status == "Running"),
            // 404: not loaded; 409: it is there and ARI can't tell more.
            Err(AriError::Unexpected { status: 404 | 409, .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// What the channels run now.
    ///
    /// # Errors
    /// Any [`AriError`].
    pub async fn running(&self) -> Result<Vec<Running>, AriError> {
        #[derive(Deserialize)]
        struct Channel {
            name: String,
            dialplan: Dialplan,
            #[serde(default)]
            channelvars: serde_json::Map<String, serde_json::Value>,
        }
        #[derive(Deserialize)]
        struct Dialplan {
            #[serde(default)]
            app_name: String,
            #[serde(default)]
            app_data: String,
        }
        let channels: Vec<Channel> = self.json(&["channels"], &[], "the list of channels").await?;
        Ok(channels
            .into_iter()
            .map(|channel| Running {
                channel: channel.name,
                app: channel.dialplan.app_name,
                data: channel.dialplan.app_data,
                variables: channel.channelvars.into_iter().map(|(name, _)| name).collect(),
            })
            .collect())
    }
}

//! Users over gRPC.

use countersign_core::ledger::storage::UserStatus;
use tonic::{Request, Response, Status};

use super::api::{self, user_service_server::UserService};
use super::auth::caller;
use super::convert::{done, needed, page_size, request_id, user};
use super::server::Desk;
use crate::login::Ledger;
use crate::operate::{NewUser, UserEdit};

#[tonic::async_trait]
impl<L: Ledger> UserService for Desk<L> {
    async fn add_user(
        &self,
        request: Request<api::AddUserRequest>,
    ) -> Result<Response<api::User>, Status> {
        let caller = caller(&request)?;
        let asked = request.into_inner();
        let id = request_id(&asked.request_id)?;
        let new = NewUser {
            name: asked.name,
            aliases: asked.aliases,
            contact: asked.contact,
            email: asked.email,
            phone: asked.phone,
            groups: asked.groups,
        };
        let added = self.0.add_user(&caller, id, new).await?;
        Ok(Response::new(user(added)))
    }

    async fn list_users(
        &self,
        request: Request<api::ListUsersRequest>,
    ) -> Result<Response<api::ListUsersResponse>, Status> {
        let caller = caller(&request)?;
        let asked = request.into_inner();
        let after = Some(&*asked.page_token).filter(|token| !token.is_empty());
        let limit = page_size(asked.page_size);
        let page = self
            .0
            .list_users(&caller, &asked.name_prefix, after, limit)?;
        Ok(Response::new(api::ListUsersResponse {
            users: page.users.into_iter().map(user).collect(),
            next_page_token: page.next.unwrap_or_default(),
        }))
    }

    async fn get_user(
        &self,
        request: Request<api::GetUserRequest>,
    ) -> Result<Response<api::User>, Status> {
        let caller = caller(&request)?;
        let shown = self.0.show_user(&caller, &request.into_inner().name)?;
        Ok(Response::new(user(shown)))
    }

    async fn set_user(
        &self,
        request: Request<api::SetUserRequest>,
    ) -> Result<Response<api::User>, Status> {
        let caller = caller(&request)?;
        let asked = request.into_inner();
        let id = request_id(&asked.request_id)?;
        let edit = UserEdit {
            name: asked.new_name,
            aliases: asked.aliases.map(|texts| texts.values),
            contact: asked.contact,
            email: asked.email,
            phone: asked.phone,
            groups: asked.groups.map(|texts| texts.values),
        };
        let expected = asked.expected_revision;
        let set = self.0.set_user(&caller, id, &asked.name, expected, edit);
        Ok(Response::new(user(set.await?)))
    }

    async fn remove_user(
        &self,
        request: Request<api::RemoveUserRequest>,
    ) -> Result<Response<api::Done>, Status> {
        let caller = caller(&request)?;
        let asked = request.into_inner();
        let id = request_id(&asked.request_id)?;
        let expected = asked.expected_revision;
        let removed = self.0.remove_user(&caller, id, &asked.name, expected);
        Ok(Response::new(done(&removed.await?)))
    }

    async fn unlock_user(
        &self,
        request: Request<api::UnlockUserRequest>,
    ) -> Result<Response<api::Done>, Status> {
        let caller = caller(&request)?;
        let asked = request.into_inner();
        let id = request_id(&asked.request_id)?;
        let unlocked = self.0.unlock_user(&caller, id, &asked.name).await?;
        Ok(Response::new(done(&unlocked)))
    }

    async fn allow_user(
        &self,
        request: Request<api::AllowUserRequest>,
    ) -> Result<Response<api::Done>, Status> {
        let caller = caller(&request)?;
        let asked = request.into_inner();
        let id = request_id(&asked.request_id)?;
        let allowed = self.0.allow_user(&caller, id, &asked.name).await?;
        Ok(Response::new(done(&allowed)))
    }

    async fn set_user_password(
        &self,
        request: Request<api::SetUserPasswordRequest>,
    ) -> Result<Response<api::Done>, Status> {
        let caller = caller(&request)?;
        let asked = request.into_inner();
        let id = request_id(&asked.request_id)?;
        let password = asked.password.map(|it| needed(Some(it), "password"));
        let password = password.transpose()?;
        let set = self
            .0
            .set_user_password(&caller, id, &asked.name, password.as_ref());
        Ok(Response::new(done(&set.await?)))
    }

    async fn set_user_status(
        &self,
        request: Request<api::SetUserStatusRequest>,
    ) -> Result<Response<api::Done>, Status> {
        let caller = caller(&request)?;
        let asked = request.into_inner();
        let id = request_id(&asked.request_id)?;
        let status = match asked.status() {
            api::UserStatus::Unspecified => {
                return Err(Status::invalid_argument("status: unknown or missing"));
            }
            api::UserStatus::Active => UserStatus::Active,
            api::UserStatus::Disabled => UserStatus::Disabled,
        };
        let set = self.0.set_user_status(&caller, id, &asked.name, status);
        Ok(Response::new(done(&set.await?)))
    }
}
